"""Checks the tree against lint_table.py and prints `file:line: rule: remedy` for each finding.

Only the standard library, only /usr/bin/python3: it must run where nothing is installed yet but what
deploy/install-deps.sh names. Exit status: 0 no findings, 1 findings.
"""

import concurrent.futures
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile

import lint_table as table

RULES = []


def rule(function):
    RULES.append(function)
    return function


class Tree:
    """The files of a source tree, without dot-files and build folders, and what its scripts declare."""

    def __init__(self, root):
        self.root = root
        self.findings = []
        self.files = []
        self._text = {}
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__"
                                and not (folder == root and f.startswith("build")))
            for name in sorted(names):
                self.files.append(os.path.relpath(os.path.join(folder, name), root))
        self.sources = [f for f in self.files if not f.startswith(table.NOT_SOURCE)]
        self.c_files = [f for f in self.sources if f.endswith((".c", ".h"))]
        self.product = [f for f in self.c_files if f.split("/")[0] in table.PRODUCT]
        self.cmake = [f for f in self.sources if f.endswith("CMakeLists.txt") or f.endswith(".cmake")]
        self.uses, self.uses_line = self._read_cs_folders()
        self.build_packages, self.test_packages = self._read_packages()

    def text(self, path):
        if path not in self._text:
            try:
                with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
                    self._text[path] = f.read()
            except OSError:  # it vanished since the walk
                self._text[path] = ""
        return self._text[path]

    def code(self, path):
        """The C text with comments, strings and characters blanked; lines keep their numbers."""
        def blank(match):
            return re.sub(r"[^\n]", " ", match.group())
        return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank,
                      self.text(path), flags=re.S)

    def find(self, path, line, name, remedy):
        self.findings.append((path, line, name, remedy))

    def _read_cs_folders(self):
        uses, lines = {}, {}
        text = self.text("CMakeLists.txt") if "CMakeLists.txt" in self.files else ""
        for match in re.finditer(r"^cs_folder\(([^)]*)\)", text, flags=re.M):
            words = match.group(1).split()
            after = words[words.index("USES") + 1:] if "USES" in words else []
            uses[words[0]] = after[:after.index("LIBS")] if "LIBS" in after else after
            lines[words[0]] = line_of(text, match.start())
        return uses, lines

    def _read_packages(self):
        path = "deploy/install-deps.sh"
        text = self.text(path) if path in self.files else ""
        sets = []
        for name in ("build", "tests"):
            match = re.search(rf"^{name}=\((.*?)^\)", text, flags=re.M | re.S)
            sets.append(set(re.sub(r"#[^\n]*", "", match.group(1)).split()) if match else set())
        return sets[0], sets[0] | sets[1]

    def closure(self, folder):
        seen, todo = set(), [folder]
        while todo:
            for used in self.uses.get(todo.pop(), []):
                if used not in seen:
                    seen.add(used)
                    todo.append(used)
        return seen

    def includes(self, path):
        """(line, header, quoted?) of each #include that is not in a comment."""
        code = self.code(path).split("\n")
        for number, line in enumerate(self.text(path).split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match and "#" in code[number - 1]:
                yield number, match.group(2), match.group(1) == '"'


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def folder_of(path):
    return os.path.dirname(path)


def law_of(folder):
    for pattern, allowed in table.LAW.items():
        if fnmatch.fnmatchcase(folder, pattern) and folder.count("/") == pattern.count("/"):
            return allowed
    return None


def fits(folder, patterns):
    return any(fnmatch.fnmatchcase(folder, p) for p in patterns)


@rule
def folder_law(tree):
    """CMakeLists.txt may let a folder use only what design §6 lets it use."""
    for folder, uses in tree.uses.items():
        allowed = law_of(folder)
        line = tree.uses_line[folder]
        if allowed is None:
            tree.find("CMakeLists.txt", line, "folder-law", f"{folder} has no row in LAW (lint_table.py)")
            continue
        for used in uses:
            if not fits(used, allowed):
                tree.find("CMakeLists.txt", line, "folder-law",
                          f"{folder} may not use {used}; move what it needs to common/, or hand it in")
    for path in tree.product:
        if folder_of(path) not in tree.uses:
            tree.find(path, 0, "folder-law", f"add a cs_folder row for {folder_of(path)} to CMakeLists.txt")


@rule
def include_law(tree):
    """An #include stays within what CMakeLists.txt lets its folder use, by path from the root."""
    for path in tree.c_files:
        product = path in tree.product
        folder = folder_of(path)
        near = tree.closure(folder) | {folder}
        for line, header, quoted in tree.includes(path):
            if not quoted:
                continue
            if header.endswith(".c"):
                tree.find(path, line, "include-law", f"include the header of {header}, not its body")
            elif header in table.GENERATED_HEADERS:
                if product and table.GENERATED_HEADERS[header] not in near:
                    tree.find(path, line, "include-law", f"{folder} does not use proto; take plain values instead")
            elif header not in tree.files:
                tree.find(path, line, "include-law", f"no such file from the root: {header}")
            elif not product or folder_of(header) in near:
                continue
            elif not fits(folder, [table.SHARED_HEADERS.get(header, "")]):
                tree.find(path, line, "include-law",
                          f"{folder} may not include {header}; if design §6 allows it, add "
                          f"{folder_of(header)} to its USES in CMakeLists.txt, else move it to common/")


@rule
def third_party(tree):
    """A third party's header is included in one folder of the product only."""
    for path in tree.product:
        for line, header, quoted in tree.includes(path):
            row = None if quoted else third_party_row(header)
            if row and row[2] != folder_of(path):
                where = f"is the only folder for <{header}>: call its wrapper" if row[2] else "is for tests only"
                tree.find(path, line, "third-party", f"{row[2] or header} {where}")


def third_party_row(header):
    for row in table.THIRD_PARTY:
        if header == row[0] or (row[0].endswith("/") and header.startswith(row[0])):
            return row
    return None


@rule
def header_packages(tree):
    """Each system header comes from a package that deploy/install-deps.sh names."""
    for path in tree.c_files:
        packages = tree.build_packages if path in tree.product else tree.test_packages
        for line, header, quoted in tree.includes(path):
            if quoted:
                continue
            row = third_party_row(header)
            if row and row[2] is None and path in tree.product:
                continue  # third_party says it
            if row:
                need = [row[1]]
            elif header in table.LIBC_HEADERS or header.startswith(table.LIBC_FOLDERS):
                need = table.LIBC_PACKAGES
            else:
                tree.find(path, line, "header-package", f"<{header}> has no row in THIRD_PARTY (lint_table.py)")
                continue
            for package in need:
                if package not in packages:
                    tree.find(path, line, "header-package", f"add {package} to deploy/install-deps.sh")


@rule
def cmake_packages(tree):
    """Each library and program that CMake looks for comes from a named package."""
    for path in tree.cmake:
        text = re.sub(r"#[^\n]*", "", tree.text(path))
        known = []
        for match in re.finditer(r"\b[A-Z][A-Z0-9]*:([a-z][\w.+-]*)", text):
            known.append((match, table.PKG_CONFIG, "PKG_CONFIG"))
        for match in re.finditer(r"find_library\(\s*\w+\s+([\w.+-]+)", text):
            known.append((match, table.LIBRARIES, "LIBRARIES"))
        for match in re.finditer(r"find_program\(\s*\w+\s+([\w.+-]+)", text):
            known.append((match, table.TOOLS, "TOOLS"))
        for match, packages, name in known:
            need = packages.get(match.group(1))
            line = line_of(text, match.start())
            if need is None:
                tree.find(path, line, "cmake-package", f"{match.group(1)} has no row in {name} (lint_table.py)")
            elif need not in tree.test_packages:
                tree.find(path, line, "cmake-package", f"add {need} to deploy/install-deps.sh")


COMMAND = re.compile(r"""
    (?:^|[;|&(!{`] | \b(?:then|do|else|if|elif|while|until|exec|sudo|env|time|nohup|xargs|setsid|command|coproc)\b)
    [ \t]* (?:-[-\w=]+[ \t]+)* (?:[A-Za-z_]\w*=[^\s;|&()]*[ \t]+)*
    ([A-Za-z_][\w.+-]*)
    (?=[\s;|&)}`]|$)""", re.X | re.M)


def shell_commands(text):
    """(line, word) of what stands where a command stands. A heuristic: quoted text, here-documents, arrays,
    arithmetic and case patterns are blanked first. A NUL stands for a line end that ends no command."""
    def blank(part, line_end):
        return re.sub(r"[^\n]", " ", part).replace("\n", line_end)
    text = re.sub(r"(<<-?\s*([\"']?)(\w+)\2[^\n]*)(\n.*?\n[ \t]*\3[ \t]*(?=\n|$))",
                  lambda m: m.group(1) + blank(m.group(4), "\n"), text, flags=re.S)
    text = re.sub(r"\\\n[ \t]*", "\x00", text)
    text = re.sub(r"\\.", "__", text)
    text = re.sub(r"(?:(?<=\s)|^)#[^\n]*", lambda m: blank(m.group(), "\n"), text, flags=re.M)
    text = re.sub(r"'[^']*'", lambda m: "_" + blank(m.group(), "\x00").strip(" ") + "_", text)
    text = blank_double_quotes(text)
    text = re.sub(r"\[\[.*?\]\]", "_", text)
    text = re.sub(r"\$?\(\(.*?\)\)", "_", text)
    text = re.sub(r"\w+\+?=\((?:[^()]|\([^()]*\))*\)", lambda m: "_=_" + "\x00" * m.group().count("\n"), text)
    text = re.sub(r"^[ \t]*\(?[^\s()#]+(?:[ \t]*\|[ \t]*[^\s()|]+)*\)(?=\s|$)", ";", text, flags=re.M)
    text = re.sub(r"\$\{[^{}]*\}", "_", text)
    for match in COMMAND.finditer(text):
        before = text[:match.start(1)]
        yield before.count("\n") + before.count("\x00") + 1, match.group(1)


def blank_double_quotes(text):
    """Double-quoted text becomes underscores, but the commands in its $(…) stay."""
    out, depth_stack, quoted = [], [], False
    i = 0
    while i < len(text):
        c = text[i]
        if c == '"':
            quoted = not quoted
            out.append("_")
        elif text.startswith("$(", i) and not text.startswith("$((", i):
            depth_stack.append((quoted, 1))
            quoted = False
            out.append(" (")
            i += 1
        elif c == "(" and depth_stack and not quoted:
            depth_stack[-1] = (depth_stack[-1][0], depth_stack[-1][1] + 1)
            out.append(c)
        elif c == ")" and depth_stack and not quoted:
            was, depth = depth_stack.pop()
            if depth > 1:
                depth_stack.append((was, depth - 1))
            else:
                quoted = was
            out.append(c if depth > 1 or not was else ")_")
        elif quoted:
            out.append("\x00" if c in "\n\x00" else "_")
        else:
            out.append(c)
        i += 1
    return "".join(out)


@rule
def tool_packages(tree):
    """Each tool that a script calls is in every Debian or comes from a named package."""
    for path in tree.sources:
        if not path.startswith(("deploy/", "tests/")):
            continue
        if path.endswith(".sh"):
            text = tree.text(path)
            own = set(re.findall(r"^\s*(?:function\s+)?([A-Za-z_][\w-]*)\s*\(\)", text, flags=re.M))
            skip = own | table.BASE_TOOLS | table.SHELL_WORDS
            calls = [(n, w) for n, w in shell_commands(text) if w not in skip and not w.startswith("_")]
        elif path.endswith(".py"):
            calls = [(n, w) for n, line in enumerate(tree.text(path).split("\n"), 1)
                     for w in re.findall(r"\[\s*[\"']([\w.+-]+)[\"']\s*,", line)
                     if w in table.TOOLS] if "subprocess" in tree.text(path) else []
        else:
            continue
        packages = tree.build_packages if path.startswith("deploy/") else tree.test_packages
        for line, word in calls:
            need = table.TOOLS.get(word)
            if need is None:
                tree.find(path, line, "tool-package",
                          f"{word} has no row in TOOLS, and is not in BASE_TOOLS (lint_table.py)")
            elif need not in packages:
                tree.find(path, line, "tool-package", f"{word}: add {need} to deploy/install-deps.sh, or do without")


@rule
def headers_alone(tree):
    """Each header compiles as the only thing that is included."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    headers = [f for f in tree.c_files if f.endswith(".h")]
    if compiler is None:
        tree.find("deploy/install-deps.sh", 0, "header-alone", "no C compiler here: run this")
        return
    with tempfile.TemporaryDirectory() as generated:
        proto = os.path.join(tree.root, "proto")
        if shutil.which("protoc-c") and os.path.exists(os.path.join(proto, "cstream.proto")):
            os.mkdir(os.path.join(generated, "proto"))
            subprocess.run(["protoc-c", f"--c_out={generated}/proto", f"-I{proto}", f"{proto}/cstream.proto"],
                           check=False, capture_output=True)

        def compile_one(header):
            command = [compiler, "-std=gnu17", "-fsyntax-only", "-D_GNU_SOURCE", "-DCSTREAM_FAULTS=1",
                       '-DCSTREAM_VERSION="0"', '-DCSTREAM_TESTS_DIR="tests"', "-Wall", "-Wextra", "-Wno-unused",
                       "-Werror", f"-I{tree.root}", f"-I{generated}", "-x", "c", "-"]
            # Quoted includes look into the current folder first: that must not be some other tree.
            done = subprocess.run(command, input=f'#include "{header}"\n', text=True, capture_output=True,
                                  cwd=generated, check=False)
            return header, done.returncode, done.stderr
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for header, status, text in pool.map(compile_one, headers):
                if status != 0 and os.path.exists(os.path.join(tree.root, header)):
                    error = next((l for l in text.split("\n") if "error:" in l), text.strip())
                    match = re.search(r":(\d+):\d+: (?:fatal )?error: (.*)", error)
                    tree.find(header, int(match.group(1)) if match else 0, "header-alone",
                              f"include what it uses ({match.group(2) if match else error})")


@rule
def forbidden_calls(tree):
    """No call of libc functions that have no safe use here."""
    for calls, remedy, allowed in table.FORBIDDEN_CALLS:
        for path, line, call in calls_of(tree, calls.split(), allowed):
            tree.find(path, line, "forbidden-call", f"{call}: {remedy}")


@rule
def doors(tree):
    """The outside is reached through the doors only."""
    for door in table.DOORS:
        for path, line, call in calls_of(tree, door["calls"].split(), door["allowed"]):
            tree.find(path, line, door["name"],
                      f"{call}: {door['instead']}; or add a row with a reason to DOORS (lint_table.py)")


def calls_of(tree, names, allowed):
    """(path, line, name) of each call in the product outside the allowed files and folders. Members
    (`store->open(…)`) and a file's own static functions are not libc's."""
    pattern = re.compile(r"(?<![\w.])(?<!->)(" + "|".join(map(re.escape, names)) + r")\s*\(")
    for path in tree.product:
        if any(path == a or (a.endswith("/") and path.startswith(a)) for a in allowed):
            continue
        code = tree.code(path)
        own = set(re.findall(r"^static\b[^;={}()]*\b(\w+)\s*\(", code, flags=re.M))
        for match in pattern.finditer(code):
            if match.group(1) not in own:
                yield path, line_of(code, match.start()), match.group(1)


@rule
def unique_names(tree):
    """A file's name finds it: no two sources share one."""
    seen = {}
    for path in tree.sources:
        name = os.path.basename(path)
        if name in table.NAMES_THAT_REPEAT or not name.endswith((".c", ".h", ".sh", ".py", ".proto", ".cmake")):
            continue
        if name in seen:
            tree.find(path, 0, "unique-name", f"rename it: {seen[name]} has the same name")
        seen.setdefault(name, path)


@rule
def file_length(tree):
    """A .c file is short enough to be one module."""
    for path in tree.c_files:
        lines = tree.text(path).count("\n")
        if path.endswith(".c") and lines >= table.C_LINES_MAX:
            tree.find(path, lines, "file-length",
                      f"{lines} lines, at most {table.C_LINES_MAX - 1}: look for the second module that is hiding")


@rule
def machine_paths(tree):
    """Nothing names a path of one machine."""
    pattern = re.compile(table.MACHINE_PATHS)
    for path in tree.sources:
        text = tree.text(path)
        if "\0" in text[:8192]:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            match = pattern.search(line)
            if match:
                tree.find(path, number, "machine-path", f"'{match.group()}' is of one machine: make it relative")


@rule
def top_level(tree):
    """The top level is fixed."""
    for name in sorted({f.split("/")[0] for f in tree.files}):
        if name not in table.TOP_LEVEL and not name.startswith("."):
            tree.find(name, 0, "top-level", "move it into one of the fixed folders")


@rule
def readmes(tree):
    """Each second-level folder says what it is for."""
    low, high = table.README_LINES
    folders = {"/".join(f.split("/")[:2]) for f in tree.files if f.count("/") >= 2}
    folders = {f for f in folders if f.split("/")[0] in table.PRODUCT + ("tests",)} | {"proto"}
    for folder in sorted(folders):
        readme = f"{folder}/README.md"
        if readme not in tree.files:
            tree.find(folder, 0, "readme", f"write {readme}, {low} to {high} lines: its one idea, its invariants")
        elif folder.split("/")[0] in table.PRODUCT:
            lines = tree.text(readme).count("\n")
            if not low <= lines <= high:
                tree.find(readme, lines, "readme", f"{lines} lines; say it in {low} to {high}")


def check(root):
    tree = Tree(root)
    for check_rule in RULES:
        check_rule(tree)
    return sorted(set(tree.findings))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(here))
    findings = check(root)
    for path, line, name, remedy in findings:
        print(f"{path}:{line}: {name}: {remedy}")
    # The first line is what tests/run.sh counts.
    broken = {name for _, _, name, _ in findings}
    print(f"{len(RULES) - len(broken)} passed, {len(broken)} failed")
    print(f"lint: {len(RULES)} rules, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
