#!/bin/sh
# Install what the tests and `make run` use on Debian 12 or 13: Python's venv, make, and the programs
# that the gateway is tested against.  None of their system services is started or left enabled.
#
# As root, or with sudo.  Without either it says what is missing and lets you go on: the tests that
# need a missing program are skipped.  Quick when nothing is missing.
set -eu

# One line for each package: its name, and a test whether it is needed no more.
wanted() {
    cat <<'END'
make                      command -v make
python3-venv              python3 -c "import ensurepip, venv"
prosody                   command -v prosody
ejabberd                  command -v ejabberdctl
kamailio                  command -v kamailio
kamailio-sqlite-modules   installed kamailio-sqlite-modules
kamailio-presence-modules installed kamailio-presence-modules
kamailio-tls-modules      installed kamailio-tls-modules
kamailio-websocket-modules installed kamailio-websocket-modules
sip-tester                command -v sipp
baresip-core              command -v baresip
linphone-cli              command -v linphonec
chromium                  command -v chromium
libnss3-tools             command -v certutil
dnsmasq-base              command -v dnsmasq
kannel                    command -v bearerbox
nodejs                    command -v node
npm                       command -v npm
openssl                   command -v openssl
END
}
UNITS="prosody.service ejabberd.service kamailio.service epmd.socket epmd.service kannel.service"
POLICY=/usr/sbin/policy-rc.d

PATH=$PATH:/usr/sbin:/sbin

installed() {
    dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

missing_packages() {
    wanted | while read -r package check; do
        eval "$check" >/dev/null 2>&1 || echo "$package"
    done
}

# Keep newly unpacked services from being started; a policy that is there already stays as it is.
forbid_starts() {
    if [ ! -e "$POLICY" ]; then
        trap 'rm -f "$POLICY"' EXIT
        trap 'exit 130' HUP INT TERM
        printf '#!/bin/sh\n# Written by install-debian.sh for the time of one installation.\nexit 101\n' >"$POLICY"
        chmod 755 "$POLICY"
    fi
}

unit_known() {
    [ -e "/lib/systemd/system/$1" ] || [ -e "/etc/init.d/${1%.service}" ]
}

# What was no service of this machine before shall not become one at its next start.
disable_new_services() {
    command -v systemctl >/dev/null || return 0
    for unit in $1; do
        if unit_known "$unit"; then
            systemctl stop "$unit" >/dev/null 2>&1 || true
            systemctl disable "$unit" >/dev/null 2>&1 || true
        fi
    done
}

missing=$(missing_packages | tr '\n' ' ')
if [ -z "$missing" ]; then
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    echo "Not a Debian system. These are missing, by their Debian names: $missing"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        echo "Installing with sudo: $missing"
        exec sudo -- sh "$0"
    fi
    echo "Not root and no sudo. Going on without: $missing"
    echo "Tests that need them are skipped. To install them, as root: apt-get install $missing"
    exit 0
fi

new_units=
for unit in $UNITS; do
    unit_known "$unit" || new_units="$new_units $unit"
done

export DEBIAN_FRONTEND=noninteractive
forbid_starts
apt-get update -q
available=
for package in $missing; do
    if apt-cache show "$package" >/dev/null 2>&1; then
        available="$available $package"
    else
        echo "Not in the package sources of this machine: $package"
    fi
done
if [ -n "$available" ]; then
    # shellcheck disable=SC2086  # a list of words
    apt-get install -q -y --no-install-recommends $available
fi
disable_new_services "$new_units"

missing=$(missing_packages | tr '\n' ' ')
if [ -n "$missing" ]; then
    echo "Still missing: $missing"
fi
