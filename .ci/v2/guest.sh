#!/usr/bin/env bash
# Runs tests on a real cgroup v2, whatever kernel and cgroups this machine has:
# it boots Debian's cloud kernel under qemu, on a disk image that holds busybox
# and the compiled tests, and reads the results from the serial console.
#
#	.ci/v2/guest.sh                            # the tests of TESTS below; .ci/run v2 is this
#	.ci/v2/guest.sh ./guard 'TestFills/tmpfs'  # one test by hand: the package, and go test's -run
#
# It needs Go, and root on Debian on amd64: it installs qemu-system-x86 and
# busybox-static, and downloads the kernel. What may be set:
#
#	V2_KERNEL=FILE   boot this kernel instead (NVMe and ext4 built in), and
#	                 download none
#	V2_TIMEOUT=TIME  for which the guest may run; default 6m
#	V2_KEEP=DIR      leave the serial log and the disk image there
#
# As in the rest of CI, a test may skip only if MAY_SKIP lists it, and each name
# in TESTS has to have run. The guest is emulated, and much slower than the
# machine: put tests of behaviour here, not of speed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# A package and the tests of it to run; "." is all.
TESTS='
./internal/cgroup          .
./internal/cgroup/oracle   .
./internal/procfs          .
./internal/cpuclock        .
./guard                    TestFills TestGroupVanishes TestSourceReadAllocatesNothing TestClockThreadEnds
./guard                    TestThrottledLive TestSlabIsReclaimable
./guard                    TestDeathsToldApart TestDeathOfNeighbour TestDeathQuotesItsEvidence TestDeathBeforeReboot
./guard                    TestNoBlackBox TestBoxCannotBeWritten TestALateCloseIsNoDeath
./guard/internal/survival  TestDeaths
'

# Tests that skip even here, and why.
#   TestFills/dirty: on a fast disk nothing stays dirty.
MAY_SKIP='TestFills/dirty'

byhand=
if (($#)); then
	byhand=1 TESTS="$1 ${2:-.}"
fi

command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
work=${V2_KEEP-}
if [[ $work ]]; then
	mkdir -p "$work" && work=$(cd "$work" && pwd)
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
log=$work/serial.log root=$work/root

# --- What it needs

need=()
command -v qemu-system-x86_64 >/dev/null || need+=(qemu-system-x86)
dpkg-query -W -f '${Status}' busybox-static 2>/dev/null | grep -q ' installed$' || need+=(busybox-static)
command -v mke2fs >/dev/null || need+=(e2fsprogs)
if ((${#need[@]})) || [[ -z ${V2_KERNEL-} ]]; then
	apt-get update -qq
fi
if ((${#need[@]})); then
	apt-get install -qq --no-install-recommends "${need[@]}" >/dev/null
fi
kernel=${V2_KERNEL-}
if [[ -z $kernel ]]; then
	package=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" { print $2; exit }')
	(cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$package")
	dpkg-deb --fsys-tarfile "$work/$package"_*.deb | tar -x -C "$work" --wildcards './boot/vmlinuz-*'
	kernel=$(echo "$work"/boot/vmlinuz-*)
	echo "kernel: $package"
fi

# --- The disk

rm -rf "$root"
mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp,root,tests}
cp "$(command -v busybox)" "$root/bin/busybox"
cp .ci/v2/init "$root/init"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
export CGO_ENABLED=0
i=0
while read -r package names; do
	[[ $package ]] || continue
	dir=$root/tests/$((++i))
	binary=$root/tests/$(tr / - <<<"${package#./}").test
	mkdir -p "$dir"
	# From its folder, as a package can be one of a nested module.
	[[ -e $binary ]] || (cd "$package" && go test -c -o "$binary" .)
	[[ ! -d $package/testdata ]] || cp -r "$package/testdata" "$dir/"
	run=$names
	[[ $byhand || $names == . ]] || run="^(${names// /|})\$"
	printf '%s\n' "$package" >"$dir/package"
	printf '%s\n' "$run" >"$dir/run"
	ln -s "../$(basename "$binary")" "$dir/test"
done <<<"$TESTS"
go build -o "$root/tests/victim" ./guard/internal/survival/victim
rm -f "$work/disk.img"
truncate -s 3G "$work/disk.img"
mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 -d "$root" "$work/disk.img"

# --- The guest

echo "the guest starts after $SECONDS s"
status=0
timeout --foreground "${V2_TIMEOUT:-6m}" qemu-system-x86_64 -nodefaults -no-user-config -display none -nic none \
	-accel tcg,thread=multi -smp 2 -m 3072 \
	-drive "file=$work/disk.img,if=none,id=disk,format=raw,cache=unsafe" -device nvme,drive=disk,serial=disk \
	-kernel "$kernel" -append 'console=ttyS0 root=/dev/nvme0n1 rw rootwait init=/init panic=-1 psi=1' \
	-serial stdio -no-reboot </dev/null | tr -d '\r' | if [[ $byhand ]]; then tee "$log"; else cat >"$log"; fi || status=$?

# --- The verdict

fail() {
	printf '%s\n' "$*"
	failed=1
}
failed=
grep -q '^=== guest: finished$' "$log" || {
	((status != 124)) || echo "the guest was stopped after ${V2_TIMEOUT:-6m}"
	tail -n 60 "$log"
	fail "the guest did not finish (qemu's status $status); above is the end of its console"
}
i=0
while read -r package names; do
	[[ $package ]] || continue
	said=$work/$((++i)).log
	sed -n "/^=== guest: begin $i\$/,/^=== guest: end $i /p" "$log" >"$said"
	code='' seconds=''
	read -r code seconds < <(sed -n "s/^=== guest: end $i //p" "$said") || true
	ran=$(grep -cE '^ *--- (PASS|FAIL|SKIP): ' "$said" || true)
	printf '%-4s %4s s  %3d tests  %s\n' "$([[ $code == 0 ]] && echo ok || echo FAIL)" "${seconds:--}" "$ran" "$package"
	if [[ $code != 0 ]] || grep -qE '^ *--- FAIL: ' "$said"; then
		grep -vE '^ *(=== (RUN|PAUSE|CONT|NAME) |--- PASS: )' "$said" || true
		fail "$package failed"
	fi
	((ran)) || fail "$package: no test ran"
	skipped=$(grep -E '^ *--- SKIP: ' "$said" | grep -vE -- "--- SKIP: ($MAY_SKIP) " || true)
	[[ -z $skipped ]] || fail "skipped, which no test may in CI:"$'\n'"$skipped"
	[[ $byhand || $names == . ]] || for name in $names; do
		grep -qE -- "^--- [A-Z]+: $name " "$said" || fail "$package: $name did not run"
	done
done <<<"$TESTS"
[[ -z $failed ]]
