"""Speed: `osfsync sync` beside its peers, against one cheap server, in one run."""
