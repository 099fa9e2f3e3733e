"""Plants one offence at a time into a small clean tree: the rule that must see it does, and no other one does."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lint  # noqa: E402

README = "line\n" * 12
CLEAN = {
    "CMakeLists.txt": "cs_folder(common/base LIBS PkgConfig::XXHASH)\n"
                      "cs_folder(common/store USES common/base)\n"
                      "cs_folder(coordinator/plan USES common/base)\n"
                      "cs_folder(coordinator/commit USES common/store coordinator/plan)\n"
                      "cs_folder(coordinator USES coordinator/commit)\n"
                      "cs_folder(worker/read USES common/base)\n",
    "deploy/install-deps.sh": "build=(\n    gcc # compiler\n    libc6-dev\n    libxxhash-dev\n    liblmdb-dev\n)\n"
                              "tests=(\n    libcmocka-dev\n)\n",
    "common/base/README.md": README,
    "common/base/a.h": "#include <stddef.h>\n",
    "common/base/hash.c": '#include <xxhash.h>\n#include "common/base/a.h"\n',
    "common/store/README.md": README,
    "common/store/store.c": '#include "common/base/a.h"\nint f(void) { return open("x", 0); }\n',
    "coordinator/plan/README.md": README,
    "coordinator/plan/plan.h": "struct plan;\n",
    "coordinator/batch.h": "struct batch;\n",
    "coordinator/commit/README.md": README,
    "coordinator/commit/sink.c": '#include "common/base/a.h"\n#include "coordinator/plan/plan.h"\n'
                                 '#include "coordinator/batch.h"\n'
                                 '/* open("x") */ // rand()\nconst char *t = "strcpy(a, b)";\n'
                                 "static int send(int a);\nint g(s *s) { return s->open(1) + s->o.time(2) + send(3); }\n",
    "worker/read/README.md": README,
    "worker/read/reader.c": '#include "common/base/a.h"\n',
    "proto/README.md": README,
    "tests/unit/README.md": README,
    "tests/unit/common/base/test_a.c": '#include <cmocka.h>\n#include "common/base/a.h"\nint n = atoi("1");\n',
    "tests/unit/all.sh": """#!/bin/sh
names=(frob
    nix)
echo "text; wibble $(basename "x y")" | sed 's/a; frobnicate b/c/'
case $1 in
a | b) grep -q x ;;
frob) own ;;
esac
cat <<'END'
nothing of this; frobs
END
own() { ls; }
for name in one two; do test -e "$name" && own; done
echo one \\
    two
[[ $a =~ ^(x|y)$ ]] && echo $((n + 1))
""",
    "README.md": "cstream\n",
    ".ci/run": "anything\n",
}
OFFENCES = [
    # rule, file, text (added behind what is there)
    ("include-law", "common/base/hash.c", '#include "common/store/none.h"\n'),
    ("include-law", "common/base/hash.c", '#include "coordinator/plan/plan.h"\n'),
    ("include-law", "worker/read/reader.c", '#include "coordinator/plan/plan.h"\n'),
    ("include-law", "worker/read/reader.c", '#include "coordinator/batch.h"\n'),
    ("include-law", "worker/read/reader.c", '  #  include "proto/cstream.pb-c.h"\n'),
    ("include-law", "coordinator/commit/sink.c", '#include "common/base/hash.c"\n'),
    ("include-law", "tests/unit/common/base/test_a.c", '#include "a.h"\n'),
    ("folder-law", "CMakeLists.txt", "cs_folder(worker/parse USES common/base\n  worker/read LIBS x)\n"),
    ("folder-law", "CMakeLists.txt", "cs_folder(worker/parse USES coordinator/plan)\n"),
    ("folder-law", "CMakeLists.txt", "cs_folder(coordinator/discover USES coordinator/commit)\n"),
    ("folder-law", "CMakeLists.txt", "cs_folder(coordinator/submit USES coordinator/plan)\n"),
    ("folder-law", "CMakeLists.txt", "cs_folder(common/codec USES common/parquet)\n"),
    ("folder-law", "CMakeLists.txt", "cs_folder(common/unheard USES common/base)\n"),
    ("third-party", "worker/read/reader.c", "#include <lmdb.h>\n"),
    ("third-party", "worker/read/reader.c", "#include <cmocka.h>\n"),
    ("header-package", "common/base/hash.c", "#include <openssl/evp.h>\n"),
    ("header-package", "common/base/hash.c", "#include <gtk.h>\n"),
    ("cmake-package", "CMakeLists.txt", "find_library(X unheard REQUIRED)\n"),
    ("cmake-package", "CMakeLists.txt", "find_program(X protoc-c)\n"),
    ("cmake-package", "CMakeLists.txt", "foreach(pair ZMQ:libzmq)\n"),
    ("tool-package", "tests/unit/all.sh", "frobnicate -x\n"),
    ("tool-package", "tests/unit/all.sh", "echo \"$(frobnicate -x)\"\n"),
    ("tool-package", "tests/unit/all.sh", "if ! X=1 strace ls; then :; fi\n"),
    ("tool-package", "tests/unit/all.py", "import subprocess\nsubprocess.run(['strace', 'ls'])\n"),
    ("tool-package", "deploy/demo.sh", "ls | jq .\n"),
    ("header-alone", "common/base/b.h", "uint32_t x;\n"),
    ("forbidden-call", "worker/read/reader.c", "int n = atoi (text);\n"),
    ("forbidden-call", "worker/read/reader.c", "int n(void) { strcpy(a, b); }\n"),
    ("clock-door", "worker/read/reader.c", "int n(void) { return time(NULL); }\n"),
    ("clock-door", "common/store/store.c", "int n(void) { getrandom(a, b, 0); }\n"),
    ("file-door", "coordinator/commit/sink.c", "int n(void) { return !openat(1, a); }\n"),
    ("file-door", "common/base/hash.c", "int n(void) { fsync(1); }\n"),
    ("net-door", "common/store/store.c", "int n(void) { connect(1, a, b); }\n"),
    ("unique-name", "worker/read/store.c", "int n;\n"),
    ("file-length", "worker/read/reader.c", "\n" * 800),
    ("machine-path", "README.md", "see " + "/ho" + "me/someone\n"),
    ("top-level", "docs/x.md", "text\n"),
    ("readme", "worker/parse/x.md", "text\n"),
    ("readme", "worker/read/README.md", "more\n" * 40),
]


def findings_of(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(text)
        return lint.check(root)


class TestLint(unittest.TestCase):
    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(findings_of(CLEAN), [])

    def test_each_offence_is_seen_by_its_rule_alone_and_in_its_file(self):
        for name, path, text in OFFENCES:
            with self.subTest(rule=name, path=path, text=text[:60]):
                files = dict(CLEAN)
                files[path] = files.get(path, "") + text
                found = findings_of(files)
                self.assertEqual({f[2] for f in found}, {name}, found)
                self.assertEqual({f[0] for f in found if not path.startswith(f[0])}, set(), found)

    def test_a_finding_names_its_line(self):
        files = dict(CLEAN)
        files["worker/read/reader.c"] += "/* two\nlines */\nint n = atoi(text);\n"
        self.assertEqual([f[1] for f in findings_of(files)], [4])
        files = dict(CLEAN)
        files["tests/unit/all.sh"] += "frobnicate\n"
        self.assertEqual([f[1] for f in findings_of(files)], [CLEAN["tests/unit/all.sh"].count("\n") + 1])

    def test_every_rule_is_proved_by_an_offence(self):
        known = {"folder_law": "folder-law", "include_law": "include-law", "doors": "file-door",
                 "header_packages": "header-package", "headers_alone": "header-alone", "readmes": "readme"}
        proved = {name for name, _, _ in OFFENCES}
        for rule in lint.RULES:
            name = known.get(rule.__name__, rule.__name__.replace("_", "-"))
            self.assertTrue(name in proved or name.rstrip("s") in proved, rule.__name__)
            self.assertTrue(rule.__doc__)


if __name__ == "__main__":
    unittest.main()
