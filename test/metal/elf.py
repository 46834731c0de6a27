"""What the tests of the bare-metal kernel need of ELF files: symbols, and other bytes at an address."""
import struct
import subprocess

TOOLS = "riscv64-unknown-elf-"


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout


def symbols_of(elf):
    lines = run(TOOLS + "nm", elf, text=True).splitlines()
    return {field[2]: int(field[0], 16) for field in map(str.split, lines) if len(field) == 3}


def patched(image, at, code):
    """The image, bytes of an ELF file, with `code` at virtual address `at`."""
    table, = struct.unpack_from("<Q", image, 32)
    count, = struct.unpack_from("<H", image, 56)
    for i in range(count):
        _, _, offset, vaddr, _, size = struct.unpack_from("<IIQQQQ", image, table + 56 * i)
        if vaddr <= at and at + len(code) <= vaddr + size:
            start = offset + at - vaddr
            return image[:start] + code + image[start + len(code):]
    raise ValueError(f"nothing lies at {at:#x}")
