#!/usr/bin/env bash
# Real servers on loopback for tests: Redis, PostgreSQL, RabbitMQ, NATS with
# JetStream and Mosquitto, each on free ports and in a directory of its own.
#
#   hack/services.sh run [NAME...] -- COMMAND...   start, run with the variables below, stop
#   hack/services.sh up [NAME...]                  start, print the variables, leave running
#   hack/services.sh env | down                    print them again; stop and remove
#   hack/services.sh ctl stop|start|restart|crash NAME
#
# COMMAND finds WEFT_TEST_REDIS (host:port) and WEFT_TEST_REDIS_PASSWORD,
# WEFT_TEST_POSTGRES, WEFT_TEST_RABBITMQ, WEFT_TEST_NATS and WEFT_TEST_MQTT
# (URLs), and WEFT_TEST_CTL, a program: "$WEFT_TEST_CTL restart redis" stops and
# starts a server on the same port with the same data, "crash" kills it first.
#
# What is missing is installed from Debian's packages (as root; WEFT_INSTALL=0
# forbids it), NATS else built from its module. A server that cannot be had is
# left out with a message, or, where CI=true, fails. WEFT_REAL=1 is set where
# none is left out: tests must then not skip.
set -euo pipefail
PATH=$PATH:/usr/sbin # where Debian puts servers, and users do not look
self=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/services.sh
all=(redis postgres rabbitmq nats mqtt)
patience=${WEFT_SERVICES_WAIT:-90} # seconds for a server to answer

say() { echo "services: $*" >&2; }
die() { say "$*"; exit 1; }

# --- Having the servers ------------------------------------------------------

package_of() {
	case $1 in
	redis) echo redis-server ;; postgres) echo postgresql ;; rabbitmq) echo rabbitmq-server ;;
	nats) echo nats-server ;; mqtt) echo mosquitto ;;
	esac
}

# program_of prints where a server's program is, or fails.
program_of() {
	local p
	case $1 in
	redis) p=$(command -v redis-server) ;;
	postgres)
		# The newest; initdb and pg_isready stand beside it.
		p=$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -1)
		[[ -n $p ]] || p=$(command -v postgres)
		;;
	rabbitmq)
		# Not the wrapper in /usr/sbin: it insists on a user and a directory.
		p=$(compgen -G '/usr/lib/rabbitmq/bin/rabbitmq-server') || p=$(command -v rabbitmq-server)
		;;
	nats)
		p=$(command -v nats-server) || p=$dir/bin/nats-server # built below
		[[ -x $p ]] || p=
		;;
	mqtt) p=$(command -v mosquitto) ;;
	esac
	[[ -n $p ]] && echo "$p"
}

install_missing() { # NAME...
	local name packages=() log=$dir/install.log policy=/usr/sbin/policy-rc.d
	for name in "$@"; do
		program_of "$name" >/dev/null || packages+=("$(package_of "$name")")
	done
	[[ ${#packages[@]} -gt 0 ]] || return 0
	if [[ ${WEFT_INSTALL:-1} == 0 ]] || [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		say "cannot install ${packages[*]}: that needs root and apt-get (by hand: apt-get install ${packages[*]})"
	else
		say "installing ${packages[*]}"
		# Packages start their server when installed, on its usual port, unless
		# this file says no.
		local ours=
		if [[ ! -e $policy ]]; then
			ours=1
			printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
		fi
		if ! { apt-get install -y --no-install-recommends "${packages[@]}" ||
			{ apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; }; } \
			>"$log" 2>&1 </dev/null; then
			tail -5 "$log" >&2
			say "apt-get could not install ${packages[*]}"
		fi
		[[ -z $ours ]] || rm -f "$policy"
	fi
	for name in "$@"; do
		if [[ $name == nats ]] && ! program_of nats >/dev/null; then
			say "building nats-server from its module"
			mkdir -p "$dir/bin"
			(cd "${self%/*}/.." && go build -o "$dir/bin/nats-server" github.com/nats-io/nats-server/v2) || true
		fi
	done
}
export DEBIAN_FRONTEND=noninteractive

# --- Starting and stopping one ------------------------------------------------

# free prints a port on which nothing listens, below those that the system gives
# to clients. Two can be the same only if neither is used yet.
free() {
	local port
	while :; do
		port=$((20000 + RANDOM % 10000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
}

# as_server runs a server's command: not as root, in a session of its own, so
# that its process group is known and a Ctrl-C for the tests does not reach it.
as_server() { # NAME COMMAND...
	local name=$1
	shift
	if [[ $(id -u) == 0 ]]; then
		set -- setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
	fi
	(cd "$dir/$name" && exec setsid "$@" >>"$dir/$name/log" 2>&1 </dev/null) &
	echo $! >"$dir/$name/pid"
}

as_user() { # COMMAND...: the same, and wait
	if [[ $(id -u) == 0 ]]; then
		set -- setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
	fi
	"$@"
}

own() { [[ $(id -u) != 0 ]] || chown -R "$user" "$@"; }

# port prints a server's port, chosen at its first start and kept.
port() { # NAME [WHICH]
	local file=$dir/$1/port${2:-}
	[[ -s $file ]] || free >"$file"
	cat "$file"
}

start() { # NAME
	local name=$1 program home=$dir/$1
	program=$(program_of "$name")
	mkdir -p "$home"
	case $name in
	redis)
		cat >"$home/redis.conf" <<-END
			bind 127.0.0.1
			port $(port redis)
			requirepass $password
			dir $home
			appendonly yes
			save ""
			daemonize no
		END
		own "$home"
		as_server redis "$program" "$home/redis.conf"
		;;
	postgres)
		own "$home"
		if [[ ! -d $home/data ]]; then
			printf '%s' "$password" >"$home/password"
			own "$home/password"
			as_user "${program%/*}/initdb" -D "$home/data" -U weft --auth=scram-sha-256 \
				--pwfile="$home/password" -E UTF8 --locale=C --no-sync >>"$home/log" 2>&1
			rm "$home/password"
		fi
		# wal_level and fsync: tests read the log of changes, and end processes,
		# never the machine.
		as_server postgres "$program" -D "$home/data" -p "$(port postgres)" -h 127.0.0.1 -k "$home" \
			-c wal_level=logical -c fsync=off -c shared_buffers=32MB
		;;
	rabbitmq)
		cat >"$home/rabbitmq.conf" <<-END
			listeners.tcp.1 = 127.0.0.1:$(port rabbitmq)
			default_user = weft
			default_pass = $password
		END
		echo '[].' >"$home/plugins"
		mkdir -p "$home/epmd"
		own "$home"
		# Erlang's name server outlives a node that starts it: here it is a
		# server like the others, on a port of its own.
		if ! alive rabbitmq/epmd; then
			as_server rabbitmq/epmd "$(command -v epmd)" -address 127.0.0.1 -port "$(port rabbitmq .epmd)"
			answers 10 "$(port rabbitmq .epmd)" || return 1
		fi
		as_server rabbitmq env HOME="$home" ERL_EPMD_PORT="$(port rabbitmq .epmd)" ERL_EPMD_ADDRESS=127.0.0.1 \
			RABBITMQ_NODENAME="weft-$(port rabbitmq)@localhost" RABBITMQ_DIST_PORT="$(port rabbitmq .dist)" \
			RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
			RABBITMQ_MNESIA_BASE="$home/mnesia" RABBITMQ_LOG_BASE="$home" RABBITMQ_LOGS=- \
			RABBITMQ_ENABLED_PLUGINS_FILE="$home/plugins" RABBITMQ_PID_FILE="$home/erlang.pid" \
			RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" "$program"
		;;
	nats)
		own "$home"
		as_server nats "$program" -a 127.0.0.1 -p "$(port nats)" -js -sd "$home"
		;;
	mqtt)
		cat >"$home/mosquitto.conf" <<-END
			listener $(port mqtt) 127.0.0.1
			allow_anonymous true
			persistence true
			persistence_location $home/
			autosave_interval 1
			autosave_on_changes true
		END
		own "$home"
		as_server mqtt "$program" -c "$home/mosquitto.conf"
		;;
	esac
}

alive() { # NAME
	[[ -s $dir/$1/pid ]] && kill -0 "$(<"$dir/$1/pid")" 2>/dev/null
}

answers() { # SECONDS PORT
	local end=$((SECONDS + $1))
	until (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; do
		[[ $SECONDS -lt $end ]] || return 1
		sleep 0.1
	done
}

ready() { # NAME: it takes requests, not just connections
	case $1 in
	redis) [[ $(REDISCLI_AUTH=$password redis-cli -p "$(port redis)" ping 2>/dev/null) == PONG ]] ;;
	postgres) "$(dirname "$(program_of postgres)")/pg_isready" -q -h 127.0.0.1 -p "$(port postgres)" ;;
	# The listener of RabbitMQ is the last that it starts.
	*) (exec 3<>"/dev/tcp/127.0.0.1/$(port "$1")") 2>/dev/null ;;
	esac
}

await() { # NAME
	local end=$((SECONDS + patience))
	until ready "$1"; do
		if ! alive "$1" || [[ $SECONDS -ge $end ]]; then
			say "$1 did not start within ${patience}s; its log ends:"
			tail -20 "$dir/$1/log" >&2
			return 1
		fi
		sleep 0.1
	done
}

stop() { # NAME [SIGNAL]
	local name=$1 signal=${2:-TERM} group target end
	[[ -s $dir/$name/pid ]] || return 0
	group=$(<"$dir/$name/pid")
	target=$group
	# PostgreSQL waits for clients on TERM; INT is its fast shutdown. RabbitMQ's
	# script does not hand signals on to Erlang.
	[[ $name == postgres && $signal == TERM ]] && signal=INT
	[[ $name == rabbitmq && -s $dir/rabbitmq/erlang.pid ]] && target=$(<"$dir/rabbitmq/erlang.pid")
	[[ $signal == KILL ]] && target=-$group
	kill "-$signal" -- "$target" 2>/dev/null || true
	end=$((SECONDS + 30))
	while kill -0 -- "-$group" 2>/dev/null; do
		if [[ $SECONDS -ge $end ]]; then
			kill -KILL -- "-$group" 2>/dev/null || true
		fi
		sleep 0.05
	done
	rm -f "$dir/$name/pid" "$dir/$name/erlang.pid"
}

# --- All of them ---------------------------------------------------------------

up() { # NAME...
	local name names=() missing=()
	[[ $# -gt 0 ]] || set -- "${all[@]}"
	for name in "$@"; do
		[[ -n $(package_of "$name") ]] || die "no server is called $name; there are ${all[*]}"
	done
	# Servers refuse to run as root, and one user's directory is no other's.
	install_missing "$@"
	chmod 755 "$dir"
	for name in "$@"; do
		if program_of "$name" >/dev/null; then
			names+=("$name")
		else
			missing+=("$name")
		fi
	done
	[[ ${#names[@]} -gt 0 ]] && for name in "${names[@]}"; do
		start "$name" || die "$name could not be started: $(tail -5 "$dir/$name/log")"
	done
	for name in "${names[@]}"; do await "$name" || return 1; done
	printf '%s\n' "${names[@]}" >"$dir/names"
	if [[ ${#missing[@]} -gt 0 ]]; then
		say "LEFT OUT, with the tests that need them: ${missing[*]}"
		[[ ${CI:-} != true ]] || return 1
		touch "$dir/incomplete"
	fi
	[[ ${#names[@]} -eq ${#all[@]} ]] || touch "$dir/incomplete"
	printf '#!/bin/sh\nexec env WEFT_SERVICES_DIR=%q %q ctl "$@"\n' "$dir" "$self" >"$dir/ctl"
	chmod +x "$dir/ctl"
}

down() {
	local name
	for name in "${all[@]}" rabbitmq/epmd; do stop "$name"; done
	rm -rf "$dir"
}

environment() {
	local name
	while read -r name; do
		case $name in
		redis) echo "WEFT_TEST_REDIS=127.0.0.1:$(port redis)"; echo "WEFT_TEST_REDIS_PASSWORD=$password" ;;
		postgres) echo "WEFT_TEST_POSTGRES=postgres://weft:$password@127.0.0.1:$(port postgres)/postgres?sslmode=disable" ;;
		rabbitmq) echo "WEFT_TEST_RABBITMQ=amqp://weft:$password@127.0.0.1:$(port rabbitmq)" ;;
		nats) echo "WEFT_TEST_NATS=nats://127.0.0.1:$(port nats)" ;;
		mqtt) echo "WEFT_TEST_MQTT=mqtt://127.0.0.1:$(port mqtt)" ;;
		esac
	done <"$dir/names"
	echo "WEFT_TEST_CTL=$dir/ctl"
	[[ -e $dir/incomplete ]] || echo WEFT_REAL=1
}

user=nobody
getent passwd nobody >/dev/null 2>&1 || user=daemon
password=weft-test
dir=${WEFT_SERVICES_DIR:-${TMPDIR:-/tmp}/weft-services.$(id -u)}
command=${1:-}
[[ $# -eq 0 ]] || shift

case $command in
run)
	names=()
	while [[ $# -gt 0 && $1 != -- ]]; do
		names+=("$1")
		shift
	done
	[[ $# -gt 1 ]] || die "run needs a command: services.sh run [NAME...] -- COMMAND..."
	shift
	dir=$(mktemp -d "${TMPDIR:-/tmp}/weft-services.XXXXXX")
	trap down EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	up "${names[@]}"
	mapfile -t variables < <(environment)
	env "${variables[@]}" "$@"
	;;
up)
	mkdir -p "$dir"
	[[ ! -e $dir/names ]] || die "servers are up already: services.sh env prints where; services.sh down stops them"
	up "$@" || { down; exit 1; }
	environment
	;;
env)
	[[ -e $dir/names ]] || die "no servers are up: services.sh up starts them"
	environment
	;;
down) down ;;
ctl)
	[[ $# -eq 2 && -e $dir/names ]] && grep -qx "$2" "$dir/names" || die "ctl stop|start|restart|crash NAME, of: $(tr '\n' ' ' <"$dir/names")"
	case $1 in
	stop) stop "$2" ;;
	start) alive "$2" || { start "$2" && await "$2"; } ;;
	restart) stop "$2" && start "$2" && await "$2" ;;
	crash) stop "$2" KILL && start "$2" && await "$2" ;;
	*) die "ctl knows stop, start, restart and crash, not $1" ;;
	esac
	;;
*)
	sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$self" >&2
	exit 2
	;;
esac
