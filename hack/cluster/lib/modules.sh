# What is known of the modules that a cluster is made from. Sourced.

# as_user runs what needs no root as whoever called sudo: with that user's
# caches, and leaving nothing behind that the user could not remove.
as_user() {
	if [[ -n ${SUDO_USER:-} && $SUDO_USER != root && $(id -u) == 0 ]]; then
		sudo -H -u "$SUDO_USER" env PATH="$PATH" "$@"
	else
		command "$@"
	fi
}

go() { as_user go "$@"; }

# The version that a module is pinned at.
module_version() { # DIR MODULE
	go -C "$1" list -m -f '{{.Version}}' "$2"
}

# Where a module's files are; they are fetched if they are not there.
module_dir() { # DIR MODULE
	go -C "$1" mod download "$2" && go -C "$1" list -m -f '{{.Dir}}' "$2"
}
