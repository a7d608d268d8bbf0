"""What explanations say, in German: by the English sentence. Keep a sentence's names in braces."""

from collections.abc import Mapping
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "never": "nie",
        "The file lies only on the device and was not asked for.": "Die Datei liegt nur auf dem Gerät und wurde nicht bestellt.",
        "The platform refused the last command to the device, on {when}: {why}": "Die Plattform hat den letzten Befehl an das Gerät abgelehnt, am {when}: {why}",
        "The next sync asks the device for it.": "Der nächste Lauf bestellt sie beim Gerät.",
        "The file lies only on the device, and the platform refuses commands to it.": "Die Datei liegt nur auf dem Gerät, und die Plattform lehnt Befehle an das Gerät ab.",
        "It said on {when}: {why}": "Sie sagte am {when}: {why}",
        "Ask an administrator of the tenant for the permission; each sync tries again.": (
            "Einen Administrator des Mandanten um die Berechtigung bitten; jeder Lauf versucht es erneut."
        ),
        "The platform has requested the file from the device (storage status 1).": "Die Plattform hat die Datei beim Gerät angefordert (Speicherstatus 1).",
        "The platform has requested the file from the device (storage status 1) since {when}.": "Die Plattform hat die Datei beim Gerät angefordert (Speicherstatus 1), seit {when}.",
        "Deliveries come over several contacts.": "Geliefert wird über mehrere Kontakte.",
        (
            "The device delivers it when it next connects, or at a contact after that; the next sync "
            "fetches it."
        ): "Das Gerät liefert sie beim nächsten Kontakt oder einem danach; der nächste Lauf holt sie.",
        "the device has connected and {span} have passed": "einem Kontakt des Geräts und {span}",
        "Whether the platform took the command is not known.": "Ob die Plattform den Befehl angenommen hat, ist nicht bekannt.",
        "The command runs when the device next connects.": "Der Befehl läuft beim nächsten Kontakt des Geräts.",
        "No contact of it was ever seen.": "Noch nie wurde ein Kontakt von ihm gesehen.",
        "Its last contact was on {when}.": "Sein letzter Kontakt war am {when}.",
        ("Its last contact was on {when}: it was silent for {span} when its log was last read, on {read}."): (
            "Sein letzter Kontakt war am {when}: Es war seit {span} stumm, als sein Protokoll "
            "zuletzt gelesen wurde, am {read}."
        ),
        "The device has not contacted the platform since.": "Seither hatte das Gerät keinen Kontakt mit der Plattform.",
        "The command still waits on the platform and need not be repeated.": "Der Befehl wartet noch auf der Plattform und muss nicht wiederholt werden.",
        "Look at the device (power, SIM card, network). The command runs when it connects.": (
            "Nach dem Gerät sehen (Strom, SIM-Karte, Netz). Der Befehl läuft bei seinem nächsten Kontakt."
        ),
        "{commands} of ours must run before this one; each contact runs one.": "Vor diesem müssen noch {commands} von uns laufen, einer je Kontakt.",
        "The command runs at the next contact.": "Der Befehl läuft beim nächsten Kontakt.",
        "It comes by itself when the device has connected often enough.": "Sie kommt von selbst, wenn das Gerät oft genug Kontakt hatte.",
        (
            "It executed the command and answered with its list on {when}, and the file still lies "
            "only on the device."
        ): (
            "Es hat den Befehl ausgeführt und am {when} mit seiner Liste geantwortet, und die Datei "
            "liegt noch immer nur auf dem Gerät."
        ),
        (
            "The command must have run by {when}, though no list for it was seen, and the file still "
            "lies only on the device."
        ): (
            "Der Befehl muss bis {when} gelaufen sein, obwohl keine Liste dazu gesehen wurde, und "
            "die Datei liegt noch immer nur auf dem Gerät."
        ),
        "Since then it delivered {files}.": "Seither hat es {files} geliefert.",
        (
            "The device executed the command {times} times and the storage status stays 0: the "
            "platform may need a different command than request-list."
        ): (
            "Das Gerät hat den Befehl {times}-mal ausgeführt, und der Speicherstatus bleibt 0: "
            "Vielleicht braucht die Plattform einen anderen Befehl als request-list."
        ),
        "None: orders are switched off (orders.mode).": "Nichts: Bestellungen sind abgeschaltet (orders.mode).",
        (
            "Asked for when fewer than {commands} wait for the device (orders.max_queued): {queued} "
            "wait, and each contact runs one."
        ): (
            "Bestellt, sobald weniger als {commands} auf das Gerät warten (orders.max_queued): Es "
            "warten {queued}, und jeder Kontakt führt einen aus."
        ),
        "The next sync asks for it again, as attempt {attempt} of {attempts} (orders.attempts).": (
            "Der nächste Lauf bestellt sie erneut, als Versuch {attempt} von {attempts} (orders.attempts)."
        ),
        "It may still come. It is not asked for again: orders are switched off (orders.mode).": (
            "Sie kann noch kommen. Sie wird nicht erneut bestellt: Bestellungen sind "
            "abgeschaltet (orders.mode)."
        ),
        ("Given up after {when}, if it has not come by then: it was the last attempt (orders.attempts)."): (
            "Aufgegeben nach {when}, wenn sie bis dahin nicht gekommen ist: Es war der letzte "
            "Versuch (orders.attempts)."
        ),
        "Asked for again after {when}, if it has not come by then.": "Erneut bestellt nach {when}, wenn sie bis dahin nicht gekommen ist.",
        (
            "None: it was asked for {times} and given up (orders.attempts). Look at the device. "
            "`osfsync orders cancel --device NAME` lets it be asked for anew."
        ): (
            "Nichts: Sie wurde {times} bestellt und aufgegeben (orders.attempts). Nach dem Gerät "
            "sehen. Mit `osfsync orders cancel --device NAME` wird sie neu bestellt."
        ),
        "The device was asked for it once, on {when}.": "Sie wurde beim Gerät einmal bestellt, am {when}.",
        "The device was asked for it {times} times, last on {when}.": "Sie wurde beim Gerät {times}-mal bestellt, zuletzt am {when}.",
        "It was in contact once since, on {when}.": "Seither hatte es einmal Kontakt, am {when}.",
        "It was in contact {times} times since, on {when}.": "Seither hatte es {times}-mal Kontakt, am {when}.",
        "It was in contact {times} times since, first on {first}, last on {last}.": "Seither hatte es {times}-mal Kontakt, zuerst am {first}, zuletzt am {last}.",
        (
            "Whether it has connected since can't be seen, because its communication log can't be read: {why}"
        ): (
            "Ob es seither Kontakt hatte, ist nicht zu sehen, weil sein Kommunikationsprotokoll "
            "nicht gelesen werden kann: {why}"
        ),
        "Its log was not read yet.": "Sein Protokoll wurde noch nicht gelesen.",
        "Its last answer was {kind} on {when}.": "Seine letzte Antwort war {kind} am {when}.",
        "Its last answer was {kind} on {when} ({texts}).": "Seine letzte Antwort war {kind} am {when} ({texts}).",
        "By the device's habits it was delivered meanwhile.": "Nach den Gewohnheiten des Geräts wurde sie inzwischen geliefert.",
        "Expected any moment, in nine of ten cases by {bound}.": "Jederzeit zu erwarten, in neun von zehn Fällen bis {bound}.",
        "Expected around {median}, in nine of ten cases by {bound}.": "Zu erwarten um {median}, in neun von zehn Fällen bis {bound}.",
        "No estimate of when: {why}.": "Wann, lässt sich nicht schätzen: {why}.",
        "the device's contacts can't be seen": "Die Kontakte des Geräts sind nicht zu sehen",
        "fewer than {fewest} contacts were seen": "Weniger als {fewest} Kontakte wurden gesehen",
        "the device was never seen to deliver a file": "Nie wurde gesehen, dass das Gerät eine Datei lieferte",
        "the device is silent for longer than it ever was": "Das Gerät ist länger stumm als je zuvor",
        "it may take longer than anybody can say": "Es kann länger dauern, als sich sagen lässt",
        "The file is held.": "Die Datei liegt im Archiv.",
        "None.": "Nichts.",
        "The file lies on the server.": "Die Datei liegt auf dem Server.",
        "Fetched by the next sync.": "Der nächste Lauf holt sie.",
        "Tried by the next sync.": "Der nächste Lauf versucht es.",
        "The selection keeps it out: {why}.": "Die Auswahl lässt sie aus: {why}.",
        "None, unless [select] in sync.toml changes.": "Nichts, solange [select] in sync.toml so bleibt.",
        "An older version of it is held.": "Eine ältere Fassung liegt im Archiv.",
        "One try failed. Last error: {why}": "Ein Versuch ist gescheitert. Letzter Fehler: {why}",
        "{tries} tries failed. Last error: {why}": "{tries} Versuche sind gescheitert. Letzter Fehler: {why}",
        "It arrived damaged ({check}). {why}": "Sie kam beschädigt an ({check}). {why}",
        "The platform refused the download. {why}": "Die Plattform hat den Download abgelehnt. {why}",
        "Given up until {until}, then tried once more.": "Aufgegeben bis {until}, dann wird es noch einmal versucht.",
        ("It vanished from the platform's list before it was held: last seen on {seen}, gone on {gone}."): (
            "Sie verschwand aus der Liste der Plattform, ehe sie im Archiv lag: zuletzt gesehen am "
            "{seen}, verschwunden am {gone}."
        ),
        "By what it lost before, the device drops files about {span} after recording.": "Nach früheren Verlusten löscht das Gerät Dateien etwa {span} nach der Aufzeichnung.",
        "None, unless a list names it again: each sync looks, until {until}.": "Nichts, wenn keine Liste sie wieder nennt: Jeder Lauf sieht nach, bis {until}.",
        "None: it can't be had any more.": "Nichts: Sie ist nicht mehr zu bekommen.",
        "Only the device's list knows the file; the server's own list does not.": "Nur die Liste des Geräts kennt die Datei, die eigene Liste des Servers nicht.",
        "Only the server's own list knows the file; the device's list does not.": "Nur die eigene Liste des Servers kennt die Datei, die Liste des Geräts nicht.",
        "The device may drop the file at any moment: by what it lost before, since {due}.": "Das Gerät kann die Datei jederzeit löschen: nach früheren Verlusten seit {due}.",
        "Its own list can't be had (credentials refused?): what lies only on it can't be seen.": (
            "Seine eigene Liste ist nicht zu haben (Zugangsdaten verweigert?): Was nur auf ihm liegt, ist "
            "nicht zu sehen."
        ),
        "Whether it is in contact can't be seen: {why}": "Ob es Kontakt hat, ist nicht zu sehen: {why}",
        "{files} of it stand in only one of the platform's two lists.": (
            "{files} davon stehen nur in einer der beiden Listen der Plattform."
        ),
        "None, as long as runs pass over the device: {why}": (
            "Nichts, solange Läufe das Gerät übergehen: {why}"
        ),
        "It did not say why.": "Sie hat nicht gesagt, warum.",
        "A run is sending it, or was killed while it did.": "Ein Lauf sendet ihn gerade oder wurde dabei abgebrochen.",
        "Whether the platform took it is not known.": "Ob die Plattform ihn angenommen hat, ist nicht bekannt.",
        "No contact of the device was seen since.": "Seither wurde kein Kontakt des Geräts gesehen.",
        "The device was in contact on {when}; no list that answers it was seen yet.": (
            "Das Gerät hatte am {when} Kontakt; eine Liste als Antwort wurde noch nicht gesehen."
        ),
        "The device executed it and returned its list on {when}. Still only on the device: {files}.": (
            "Das Gerät hat ihn ausgeführt und am {when} mit seiner Liste geantwortet. Noch nur auf dem "
            "Gerät: {files}."
        ),
        (
            "Of {files} the platform has requested {requested} from the device, and {delivered} lie on "
            "the server."
        ): "{files}: Davon hat die Plattform {requested} beim Gerät angefordert, {delivered} liegen auf dem Server.",
        "All files that are left lie on the server; the next sync fetches them.": (
            "Alle restlichen Dateien liegen auf dem Server; der nächste Lauf holt sie."
        ),
        "All its files are held.": "Alle seine Dateien liegen im Archiv.",
        "{files} vanished from the platform's list before they were held.": (
            "{files} aus der Liste der Plattform verschwunden, ehe sie im Archiv lagen."
        ),
        "What is not held was asked for again with a later command, or is lost.": (
            "Was nicht im Archiv liegt, wurde mit einem späteren Befehl erneut bestellt oder ist verloren."
        ),
        "It was the last attempt for its files.": "Es war der letzte Versuch für seine Dateien.",
        "Forgotten at your wish; the platform's own queue can't be recalled.": (
            "Auf Ihren Wunsch vergessen; die Warteschlange der Plattform lässt sich nicht zurückrufen."
        ),
        "The device is about to drop the file, around {due}, by what it lost before.": "Nach früheren Verlusten löscht das Gerät die Datei bald, um {due}.",
    }
)

NOUNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "file": ("Datei", "Dateien"),
        "awaited file": ("erwartete Datei", "erwartete Dateien"),
        "other command": ("anderer Befehl", "andere Befehle"),
        "command": ("Befehl", "Befehle"),
        "time": ("Mal", "Mal"),
    }
)
"""One and several."""
