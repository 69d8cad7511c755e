"""The machine beneath: errors, files, streams, processes, threads, the device, the command line."""
