#!/bin/sh
# Makes the root filesystem of the tools image from Debian packages: the commands that pipeline steps run.
#
#   rootfs.sh ROOT      ROOT is created; ROOT.packages lists "name version" of every package it was taken from
#
# Needs mmdebstrap, and no root. Packages are extracted, not installed, and of them only the commands below, what
# those link to and their data are kept: a tenth of an installed system, and no shell but busybox's.
# DEBIAN_MIRROR may name another mirror, for example a dated snapshot.
set -eu
# The checkout's own modes depend on whoever cloned it.
umask 022

suite=bookworm
packages=busybox-static,ca-certificates,curl,git,jq,libpython3.11-stdlib,netbase,openssh-client,openssl,python3.11-minimal
commands="busybox curl git jq openssl python3.11 ssh ssh-keygen ssh-keyscan"
# Everything else in git's folder is a server, an importer, needs Perl, or is a copy of git itself.
git_helpers="git-merge-octopus git-merge-one-file git-merge-resolve git-remote-http git-sh-setup git-submodule"
# What no step imports of Python's standard library: half of it.
python_without="_pydecimal.py _pyio.py _sysconfigdata* asyncio cgi.py cgitb.py concurrent config-* ctypes curses dbm distutils
doctest.py ensurepip idlelib imaplib.py lib2to3 mailbox.py multiprocessing nntplib.py optparse.py pdb.py pickletools.py
pydoc.py pydoc_data smtplib.py sqlite3 tarfile.py test tkinter turtle.py turtledemo typing_extensions.py unittest venv wsgiref
xml xmlrpc zipapp.py zipfile.py"
python_extensions="_ctypes _curses _dbm _codecs _crypt _decimal _gdbm _lsprof _multibytecodec _sqlite3 _test _xx _zoneinfo audioop
ossaudiodev readline xx"

root=$1
files=$(cd "$(dirname "$0")/files" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$root"
root=$(cd "$root" && pwd)

mmdebstrap --quiet --variant=extract --include="$packages" \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --extract-hook="ls \"\$1/var/cache/apt/archives\" >\"$work/archives\"" \
    "$suite" "$work/debian" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
sed -n 's/^\([^_]*\)_\([^_]*\)_[^_]*\.deb$/\1 \2/p' "$work/archives" | sed 's/%3a/:/' | sort >"$root.packages"
[ -s "$root.packages" ] || { echo "rootfs.sh: mmdebstrap left no package behind" >&2; exit 1; }

cd "$work/debian"
for directory in bin sbin lib lib64; do
    mkdir -p "$root/usr/$directory"
    ln -s "usr/$directory" "$root/$directory"
done
for command in $commands; do
    cp -p "usr/bin/$command" "$root/usr/bin/"
done
mkdir -p "$root/usr/lib/git-core"
for helper in $git_helpers; do
    cp -p "usr/lib/git-core/$helper" "$root/usr/lib/git-core/"
done
ln -s git-remote-http "$root/usr/lib/git-core/git-remote-https"
ln -s ../../bin/git "$root/usr/lib/git-core/git"
ln -s git "$root/usr/bin/git-upload-pack"

ln -s python3.11 "$root/usr/bin/python3"
python=usr/lib/python3.11
for name in $python_without; do
    # shellcheck disable=SC2086 # a pattern
    rm -rf "${python:?}"/$name
done
for name in $python_extensions; do
    rm -f "$python"/lib-dynload/"$name"*.so
done

# The packages' own loader says what each command links to, and fails when something is missing.
loader=$(echo usr/lib/*/ld-linux*.so.*)
libraries=${loader%/*}
mkdir -p "$root/$libraries"
cp -Lp "$loader" "$root/$libraries/"
cp -P usr/lib64/ld-linux* "$root/usr/lib64/"
# Compiled, since nobody can write it down on a read-only root; and by content, not by the time of a checkout.
PYTHONHOME=usr "./$loader" --library-path "$libraries" usr/bin/python3.11 -S -m compileall -q -b \
    --invalidation-mode unchecked-hash -s "$work/debian" "$work/debian/$python"
find "$python" \( -name '*.py' -o -name __pycache__ \) -prune -exec rm -rf {} +
cp -rp --parents "$python" "$root/"
for binary in "$root"/usr/bin/* "$root"/usr/lib/git-core/git-remote-http "$root/$python"/lib-dynload/*.so; do
    [ -L "$binary" ] || "./$loader" --library-path "$libraries" --list "$binary" 2>/dev/null || true
done | sed -n 's/.* => \([^ ]*\) .*/\1/p' | sort -u | while read -r library; do
    cp -Lp "$library" "$root/$libraries/"
done

cp -rp --parents usr/share/git-core/templates etc/protocols etc/services "$root/"
mkdir -p "$root/etc/ssl/certs" "$root/usr/lib/ssl"
find usr/share/ca-certificates -name '*.crt' | sort | xargs cat >"$root/etc/ssl/certs/ca-certificates.crt"
ln -s /etc/ssl/certs "$root/usr/lib/ssl/certs"

for applet in $("./usr/bin/busybox" --list); do
    [ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
done
for directory in dev proc root run sys tmp var/tmp home/tekton-delivery; do
    mkdir -p "$root/$directory"
done
chmod 1777 "$root/tmp" "$root/var/tmp"
ln -s ../run "$root/var/run"
cp -r "$files/." "$root/"
