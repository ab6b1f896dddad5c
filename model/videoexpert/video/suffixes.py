"""Which files are taken for videos by their names, where nobody names them one by one."""

VIDEO_SUFFIXES = frozenset(
    (
        *(".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gif", ".h264", ".hevc", ".ivf", ".m2ts", ".m2v"),
        *(".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogm", ".ogv", ".rm"),
        *(".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv"),
    )
)
