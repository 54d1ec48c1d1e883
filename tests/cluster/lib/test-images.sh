# shellcheck shell=bash
# Images for tests, put together from Debian's packages: busybox:1 and python:3-slim.

# unpack_packages FOLDER PACKAGE...: the files of Debian's packages, without installing them.
unpack_packages() {
    local folder=$1 downloads package
    downloads=$(mktemp -d)
    # The one who downloads is apt's own user, who may not look into every folder.
    chmod 755 "$downloads"
    (cd "$downloads" && apt-get download -qq -o APT::Sandbox::User=root "${@:2}")
    for package in "$downloads"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
    rm -rf "$downloads"
    # What is of no use in a container.
    rm -rf "$folder"/usr/share/{doc,man,lintian,locale,bug}
}

# A root folder with BusyBox as every command that it can be.
busybox_root() {
    local root=$1 applet
    mkdir -p "$root"/{bin,etc,tmp}
    chmod 1777 "$root/tmp"
    printf 'root:x:0:0:root:/:/bin/sh\nnonroot:x:65532:65532:nonroot:/:/bin/sh\n' >"$root/etc/passwd"
    unpack_packages "$root" busybox-static
    for applet in $("$root/bin/busybox" --list); do
        [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
    done
}

build_busybox() {
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    make_image docker.io/library/busybox:1 --base "$root" --user 65532 --out "$BIN/busybox.tar" >/dev/null
    rm -rf "$root"
}

# Python with its standard library and what that links to; BusyBox for a shell.
build_python() {
    local root packages
    root=$(mktemp -d)
    # Python's own packages and libraries, not what only installing them needs (dpkg, perl, tar and theirs).
    packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances --important python3-minimal libpython3-stdlib | grep -E '^(lib|python3|zlib)' |
        grep -vE '^lib(perl|gdbm|selinux|pcre|acl|md0)')
    # shellcheck disable=SC2086  # a list
    unpack_packages "$root" $packages
    busybox_root "$root"
    make_image docker.io/library/python:3-slim --base "$root" --user 65532 --out "$BIN/python.tar" >/dev/null
    rm -rf "$root"
}
