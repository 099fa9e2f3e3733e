"""What the lint holds the tree to. To allow something, add a row here with its reason; lint.py has no exception
of its own. Which folder uses which stands in CMakeLists.txt (cs_folder … USES); LAW says what may stand there."""

# --- the tree ---
TOP_LEVEL = {"CMakeLists.txt", "coordinator", "worker", "proto", "common", "tests", "deploy", "README.md"}
PRODUCT = ("common", "coordinator", "worker")
# run.py and run.sh are to a test suite what main.c is to a program.
NAMES_THAT_REPEAT = {"main.c", "run.py", "run.sh", "README.md", "CMakeLists.txt", "__init__.py", "conftest.py"}
NOT_SOURCE = ("tests/golden/",)  # data that others wrote, with names and paths of its own
C_LINES_MAX = 800
README_LINES = (10, 40)

# --- who may use whom (design §6). A folder or pattern, and the folders that its USES may name. ---
LOW = ["common/base"]
MIDDLE = LOW + ["common/codec", "common/conf", "common/data", "common/json", "common/store"]
LAW = {
    "common/base": [],
    "common/codec": LOW,
    "common/json": LOW,
    "common/store": LOW,
    "common/data": LOW + ["common/json"],
    "common/conf": LOW + ["common/json", "common/data"],
    "common/parquet": MIDDLE,
    "common/delta": MIDDLE + ["common/parquet"],
    "common/sql": MIDDLE + ["common/parquet", "common/delta"],
    "common/wire": LOW + ["proto"],
    "coordinator/submit": ["common/*", "proto"],
    "coordinator/plan": ["common/*", "proto"],
    "coordinator/*": ["common/*", "proto", "coordinator/plan"],
    "worker/*": ["common/*", "proto"],
    "coordinator": ["common/*", "proto", "coordinator/*"],
    "worker": ["common/*", "proto", "worker/*"],
}
# Headers that a folder's stages share without using the folder.
SHARED_HEADERS = {"coordinator/batch.h": "coordinator/*"}
GENERATED_HEADERS = {"proto/cstream.pb-c.h": "proto"}

# --- third parties: header (or folder of headers), package, the one folder of the product that includes it
#     (None: tests only). Tests may include any of them. ---
THIRD_PARTY = [
    ("xxhash.h", "libxxhash-dev", "common/base"),
    ("openssl/", "libssl-dev", "common/base"),
    ("snappy-c.h", "libsnappy-dev", "common/codec"),
    ("zstd.h", "libzstd-dev", "common/codec"),
    ("zlib.h", "zlib1g-dev", "common/codec"),
    ("lz4.h", "liblz4-dev", "common/codec"),
    ("lz4hc.h", "liblz4-dev", "common/codec"),
    ("lz4frame.h", "liblz4-dev", "common/codec"),
    ("jansson.h", "libjansson-dev", "common/json"),
    ("protobuf-c/", "libprotobuf-c-dev", "common/wire"),
    ("zmq.h", "libzmq3-dev", "common/wire"),
    ("lmdb.h", "liblmdb-dev", "coordinator/checkpoint"),
    ("csv.h", "libcsv-dev", "worker/parse"),
    ("cmocka.h", "libcmocka-dev", None),
]
# Headers of libc, the kernel and the compiler. They come with gcc and libc6-dev.
LIBC_PACKAGES = ("gcc", "libc6-dev")
LIBC_HEADERS = set("""
    assert.h complex.h ctype.h dirent.h dlfcn.h endian.h err.h errno.h execinfo.h fcntl.h fenv.h float.h fnmatch.h
    ftw.h getopt.h glob.h grp.h iconv.h immintrin.h inttypes.h langinfo.h libgen.h limits.h link.h locale.h malloc.h
    math.h netdb.h netinet/in.h netinet/tcp.h arpa/inet.h nmmintrin.h paths.h poll.h pthread.h pty.h pwd.h regex.h
    sched.h setjmp.h signal.h smmintrin.h spawn.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h
    stdlib.h stdnoreturn.h string.h strings.h sysexits.h syslog.h termios.h threads.h time.h tmmintrin.h ucontext.h
    unistd.h utime.h wchar.h wctype.h x86intrin.h emmintrin.h wmmintrin.h cpuid.h
    sanitizer/asan_interface.h sanitizer/lsan_interface.h
""".split())
LIBC_FOLDERS = ("sys/", "linux/", "asm/", "bits/")

# --- libc that no code of the product calls, anywhere ---
# calls, why not and what instead, files that may (with the reason)
FORBIDDEN_CALLS = [
    ("strcpy strcat sprintf vsprintf gets stpcpy", "writes without a bound: use cs_buf, snprintf or memcpy", {}),
    ("strncpy strncat", "leaves text unterminated: use cs_buf or memcpy", {}),
    ("strtok strtok_r", "changes its input: use cs_str_split", {}),
    ("atoi atol atoll atof strtol strtoll strtoul strtoull strtoimax strtoumax strtof strtod strtold",
     "knows blanks and locales and hides errors: use cs_str_to_* or worker/parse's conversions",
     {"common/data/value.c": "reads back its own print, in the C locale, to find the shortest one",
      "common/data/real.c": "checked the text first and hands on digits and an exponent, no point"}),
    ("scanf sscanf fscanf vsscanf", "hides overflow: use cs_cursor or cs_str_to_*", {}),
    ("rand srand random srandom rand_r drand48 lrand48", "use cs_rng, so that a seed repeats the run", {}),
    ("localtime gmtime ctime asctime localtime_r mktime",
     "knows the process's time zone or a static buffer: use gmtime_r or common/data", {}),
    ("tmpnam tempnam mktemp", "races: use cs_rng for a name and O_EXCL", {}),
    ("system popen", "goes through a shell: use posix_spawn", {}),
    ("setlocale", "numbers would depend on it", {}),
    ("alloca", "no limit: use an arena", {}),
]

# --- the doors (design §7): calls, what to use instead, and who may call them for which reason ---
DOORS = [
    dict(
        name="clock-door",
        calls="time clock_gettime gettimeofday clock timespec_get getrandom getentropy arc4random",
        instead="take a cs_clock or cs_rng, so that the simulator can hand in another",
        allowed={"common/base/clock.c": "the door to time and chance"},
    ),
    dict(
        name="file-door",
        calls="""open openat open64 creat fopen freopen opendir fdopendir scandir rename renameat renameat2
            unlink unlinkat remove fsync fdatasync sync syncfs sync_file_range link linkat symlink symlinkat
            mkdir mkdirat rmdir truncate ftruncate fallocate posix_fallocate stat lstat fstatat statx
            access faccessat realpath readlink readlinkat mkstemp mkostemp mkdtemp chmod fchmodat
            inotify_init inotify_init1 inotify_add_watch nftw ftw glob""",
        instead="go through common/store (files of jobs) or coordinator/checkpoint, so that a test can lie there",
        allowed={
            "common/store/": "the door to files",
            "coordinator/checkpoint/": "the door to the checkpoint: LMDB opens and syncs its own files",
            "common/base/fault.c": "the trace of fault points, in test builds only",
            "common/wire/": "the door to sockets: ipc paths and their modes",
            "common/data/zone.c": "reads tzdata below /usr/share/zoneinfo, nothing of a job",
            "common/conf/job.c": "compares the folders of a job as they lie on the disk, once, before it runs",
            "coordinator/coordinator.c": "start-up: the lock, and inotify, which only says when to list",
            "coordinator/discover/watch.c": "inotify, which only says when to look",
            "coordinator/main.c": "start-up",
            "coordinator/submit/": "a command of people: reads their job file, makes and removes the ipc folder",
            "worker/main.c": "start-up",
        },
    ),
    dict(
        name="net-door",
        calls="""socket socketpair connect bind listen accept accept4 send sendto sendmsg recv recvfrom recvmsg
            getaddrinfo""",
        instead="go through common/wire, so that a test can lie there",
        allowed={"common/wire/": "the door to sockets"},
    ),
]

# --- tools of scripts and of CMakeLists.txt: the package that brings them ---
TOOLS = {
    "gcc": "gcc", "cc": "gcc", "gcov": "gcc", "nm": "gcc", "objdump": "gcc", "readelf": "gcc", "size": "gcc",
    "strip": "gcc", "addr2line": "gcc",
    "clang": "clang", "llvm-symbolizer": "llvm", "llvm-cov": "llvm", "llvm-profdata": "llvm",
    "clang-tidy": "clang-tidy", "clang-format": "clang-format", "cppcheck": "cppcheck",
    "cmake": "cmake", "ctest": "cmake", "cpack": "cmake", "ninja": "ninja-build", "make": "make",
    "pkg-config": "pkg-config", "protoc-c": "protobuf-c-compiler", "protoc": "protobuf-compiler",
    "python3": "python3", "spin": "spin", "strace": "strace", "gdb": "gdb", "perf": "linux-perf",
    "valgrind": "valgrind", "git": "git", "curl": "curl", "wget": "wget", "jq": "jq", "sqlite3": "sqlite3",
    "inotifywait": "inotify-tools", "socat": "socat", "nc": "netcat-openbsd", "rsync": "rsync", "bc": "bc",
    "mdb_dump": "lmdb-utils", "mdb_stat": "lmdb-utils", "zstd": "zstd", "lz4": "lz4", "snzip": "snzip",
    "shellcheck": "shellcheck", "man": "man-db", "mandoc": "mandoc", "xxd": "xxd", "file": "file",
    "unzip": "unzip", "zip": "zip", "xz": "xz-utils", "bzip2": "bzip2", "stress-ng": "stress-ng",
    "tc": "iproute2", "ip": "iproute2", "ss": "iproute2", "iptables": "iptables", "fio": "fio",
    "ps": "procps", "pgrep": "procps", "pkill": "procps", "free": "procps", "top": "procps",
    "lsof": "lsof", "fuser": "psmisc", "killall": "psmisc", "setfacl": "acl", "java": "default-jre-headless",
}
# What Debian's smallest installation has (priority required, or what install-deps.sh itself stands on).
BASE_TOOLS = set("""
    apt-get awk basename bash base64 cat chmod chown cmp comm cp cut date dd df diff dirname dpkg dpkg-query du env
    expr false find flock fold grep gzip gunzip zcat head hostname id install ionice join kill ln ls md5sum mkdir
    mkfifo mknod mktemp mount mv nice nl nohup nproc numfmt od paste perl pidof printenv pwd readlink realpath renice
    rm rmdir sed seq setsid sh sha256sum shred shuf sleep sort split stat stdbuf stty sudo sum sync tac tail tar tee
    test timeout touch tr true truncate tty umount uname uniq unlink unshare wc whoami xargs yes prlimit taskset
    chrt losetup mountpoint nsenter setpriv getconf getent iconv locale ldd dpkg-deb sysctl
""".split())
SHELL_WORDS = set("""
    alias bg break builtin caller case cd command compgen continue coproc declare disown do done echo elif else enable
    esac eval exec exit export fc fg fi for function getopts hash help history if in jobs let local logout mapfile
    popd printf pushd read readarray readonly return select set shift shopt source suspend test then time times trap
    type typeset ulimit umask unalias unset until wait while
""".split())
PKG_CONFIG = {
    "libzmq": "libzmq3-dev", "libprotobuf-c": "libprotobuf-c-dev", "lmdb": "liblmdb-dev", "libzstd": "libzstd-dev",
    "zlib": "zlib1g-dev", "liblz4": "liblz4-dev", "jansson": "libjansson-dev", "libxxhash": "libxxhash-dev",
    "libcrypto": "libssl-dev",
}
LIBRARIES = {"csv": "libcsv-dev", "snappy": "libsnappy-dev", "cmocka": "libcmocka-dev"}

# --- paths of one machine, which mean nothing on another ---
MACHINE_PATHS = r"(?<![\w.-])/(?:home/\w|root/|work/(?:main|shared)\b|Users/\w|tmp/build)"
