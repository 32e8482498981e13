"""The kubectl plugin: `kubectl crontask …`."""
