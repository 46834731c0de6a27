# Debian packages: `need_packages NAME...` installs those that are missing. Sourced by ./run and ./check.

need_packages() {
	local missing=() name sudo=()

	for name in "$@"; do
		dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		if ! sudo -n true 2>/dev/null && ! { [ -t 0 ] && command -v sudo >/dev/null; }; then
			echo "Packages are missing. Ask an administrator to run this, then try again:" >&2
			echo "    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
			return 1
		fi
		sudo=(sudo)
	fi
	echo "Installing: ${missing[*]}"
	# The package lists may be old or empty: fetch them only if the first try fails.
	install_packages "${sudo[@]}" "${missing[@]}" 2>/dev/null ||
		{ "${sudo[@]}" apt-get update -qq && install_packages "${sudo[@]}" "${missing[@]}"; }
}

install_packages() {
	DEBIAN_FRONTEND=noninteractive
	export DEBIAN_FRONTEND
	if [ "$1" = sudo ]; then
		shift
		sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
	else
		apt-get install -y -qq --no-install-recommends "$@" >/dev/null
	fi
}

build_packages=(gcc libc6-dev make libelf-dev libdw-dev libfdt-dev libzstd-dev libcapstone-dev libssl-dev gcc-riscv64-unknown-elf
	picolibc-riscv64-unknown-elf)
test_packages=(clang libclang-rt-dev iproute2 python3 protobuf-compiler qemu-user qemu-system-misc opensbi gdb-multiarch)
