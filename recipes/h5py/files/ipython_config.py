# Compressed detector data opens without an import: the filters are there when the kernel starts.
c = get_config()  # noqa: F821
c.InteractiveShellApp.exec_lines = ["import hdf5plugin"]
