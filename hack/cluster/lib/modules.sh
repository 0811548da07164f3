# What is known of the modules that a cluster is made from. Sourced.

# The version that a module is pinned at.
module_version() { # DIR MODULE
	go -C "$1" list -m -f '{{.Version}}' "$2"
}

# Where a module's files are; they are fetched if they are not there.
module_dir() { # DIR MODULE
	go -C "$1" mod download "$2" && go -C "$1" list -m -f '{{.Dir}}' "$2"
}
