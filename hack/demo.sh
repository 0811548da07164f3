#!/usr/bin/env bash
# Starts the order sample, places one order and prints its way through the mesh
# and the mail about it. With --serve it then serves until Ctrl-C (make run), else it stops the
# mesh and exits 0 (make demo).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

serve=false
mesh=samples/order-processing/mesh.yaml
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weft-demo.XXXXXX")
# The demo takes free ports and queues of its own, so that it can run beside
# another engine; make run takes the usual ones.
flags=(--http 127.0.0.1:0 --admin 127.0.0.1:0)
data=$scratch/.weft
if [[ "${1:-}" == --serve ]]; then
	serve=true
	flags=()
	data=samples/order-processing/.weft
else
	# A copy of the mesh, with a port of its own for mail.
	cp -R samples/order-processing/{mesh.yaml,resources,local} "$scratch"
	ln -s "$PWD/samples/order-processing/functions" "$scratch/functions"
	mesh=$scratch/mesh.yaml
	port=1025
	while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		port=$((20000 + RANDOM % 30000))
	done
	sed -i.bak "s/1025/$port/" "$scratch/local/email.yaml"
fi

engine=
finish() {
	local code=$?
	trap - EXIT
	trap '' INT TERM
	if [[ -n "$engine" ]]; then
		kill -TERM "$engine" 2>/dev/null || true
		wait "$engine" || code=$?
	fi
	rm -rf "$scratch"
	exit "$code"
}
trap finish EXIT
# A Ctrl-C reaches the engine as well, which drains; finish waits for it.
trap 'exit 0' INT TERM

go build -o "$scratch/orders" ./samples/order-processing/cmd/orders
bin/weft up --file "$mesh" "${flags[@]+"${flags[@]}"}" &
engine=$!

# address prints the gateway's address once run.json is this engine's: a mesh
# that takes traffic.
address() {
	local run
	run=$(cat "$data/run.json" 2>/dev/null) || return 1
	[[ $run =~ \"pid\":\ *$engine, && $run =~ \"http\":\ *\"([^\"]+)\" ]] && echo "${BASH_REMATCH[1]}"
}
until http=$(address); do
	if ! kill -0 "$engine" 2>/dev/null; then
		echo "weft up ended before the mesh was ready" >&2
		exit 1
	fi
	sleep 0.05
done

id=order-$(date +%H%M%S)-
printf '\n$ orders -n 1\n'
"$scratch/orders" -to "$http" -n 1 -id "$id"
id=${id}1

# The answer comes before the last function has run: ask until all three are in
# the trace.
for ((i = 0; i < 200; i++)); do
	trace=$(bin/weft trace "$id" --data "$data" 2>&1) || true
	[[ "$trace" == *notifyUser* ]] && break
	sleep 0.05
done
printf '\n$ weft trace %s\n%s\n' "$id" "$trace"
if [[ "$trace" != *notifyUser* ]]; then
	echo "order $id did not reach notifyUser within 10 s" >&2
	exit 1
fi
# mail prints what the mailbox has about an order, without curl.
mail() {
	local address=${http#http://}
	exec 3<>"/dev/tcp/${address%:*}/${address##*:}"
	printf 'GET /mailbox?q=%s HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" "$address" >&3
	tr -d '\r' <&3 | sed '1,/^$/d'
	exec 3>&-
}
for ((i = 0; i < 200; i++)); do
	mail=$(mail "$id" 2>&1) || true
	[[ "$mail" == *"$id"* ]] && break
	sleep 0.05
done
printf '\n$ curl %s/mailbox?q=%s\n%s\n' "$http" "$id" "$mail"
if [[ "$mail" != *"$id"* ]]; then
	echo "no mail about order $id within 10 s" >&2
	exit 1
fi
if $serve; then
	printf '\nServing on %s until Ctrl-C.\n' "$http"
	wait "$engine"
fi
