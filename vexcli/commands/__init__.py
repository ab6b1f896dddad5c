"""One thin file per command: read the options, call `videoexpert`, hand the result to `outputs` and the console."""
