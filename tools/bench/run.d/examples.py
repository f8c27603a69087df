"""The example file systems of libfuse, built from the source that tools/setup fetched, into the build directory."""

import pathlib
import subprocess

import machine
from machine import Failure

TOP = pathlib.Path(__file__).resolve().parents[3]
SOURCES = {"passthrough_ll": "passthrough_ll.c", "passthrough_hp": "passthrough_hp.cc"}


def libfuse():
    found = sorted((TOP / "subprojects").glob("fuse-*/example"))
    if not found:
        raise Failure("the source of libfuse is not in subprojects: tools/setup build fetches it where it is needed")
    return found[0].parent


def libraries_below():
    """Compiler words of the libraries that libfuse may have been built with."""
    words = []
    for module in ("liburing", "numa"):
        done = subprocess.run(["pkg-config", "--libs", module], capture_output=True, text=True)
        words += done.stdout.split() if done.returncode == 0 else []
    return words


def linked_with(tree, build):
    """The library that sievefs is linked with: the one built from that tree, or else the system's."""
    library = build / "subprojects" / tree.name / "lib" / "libfuse3.a"
    if library.exists():
        includes = [f"-I{tree / 'include'}", f"-I{build / 'subprojects' / tree.name}"]
        return includes, [str(library), *libraries_below(), "-lpthread", "-ldl", "-lrt"]
    words = machine.run("pkg-config", "--cflags", "fuse3").split()
    return words, machine.run("pkg-config", "--libs", "fuse3").split()


def built(name, build):
    """Builds the program, unless it is up to date. Returns its path."""
    tree = libfuse()
    source, program = tree / "example" / SOURCES[name], build / "tools" / "bench" / "examples" / name
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return str(program)
    compiler = "c++" if source.suffix == ".cc" else "cc"
    if not machine.has(compiler):
        raise Failure(f"{compiler} is not installed, to build libfuse's {name}")
    includes, libraries = linked_with(tree, build)
    program.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-O2", "-D_FILE_OFFSET_BITS=64", "-DHAVE_LIBFUSE_PRIVATE_CONFIG_H", *includes]
    command = [compiler, *flags, str(source), "-o", str(program), *libraries]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise Failure(f"libfuse's {name} does not compile: {words[0] if words else done.returncode}")
    return str(program)
