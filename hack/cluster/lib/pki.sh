# Certificates and kubeconfig files. Sourced, after common.sh.

key() { # NAME
	openssl ecparam -name prime256v1 -genkey -noout -out "$pki/$1.key"
}

authority() { # NAME
	key "$1"
	openssl req -x509 -new -key "$pki/$1.key" -subj "/CN=weft-cluster-$1" -days 365 -out "$pki/$1.crt" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

certificate() { # NAME AUTHORITY SUBJECT [ALTERNATIVE-NAMES]
	key "$1"
	{
		echo 'basicConstraints=CA:FALSE'
		echo 'keyUsage=digitalSignature'
		echo 'extendedKeyUsage=clientAuth,serverAuth'
		[[ -z ${4:-} ]] || echo "subjectAltName=$4"
	} >"$pki/ext"
	openssl req -new -key "$pki/$1.key" -subj "$3" |
		openssl x509 -req -CA "$pki/$2.crt" -CAkey "$pki/$2.key" -CAcreateserial -days 365 \
			-extfile "$pki/ext" -out "$pki/$1.crt" 2>/dev/null
}

kubeconfig_of() { # CERTIFICATE
	cat <<-END
		apiVersion: v1
		kind: Config
		clusters:
		  - name: weft
		    cluster: {server: "https://$node_address:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}
		users:
		  - name: $1
		    user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}
		contexts:
		  - name: weft
		    context: {cluster: weft, user: $1}
		current-context: weft
	END
}

# pki makes all of them, if they are not there or end within a month.
pki() {
	local name
	if [[ ! -e $pki/done ]] || ! openssl x509 -checkend 2592000 -noout -in "$pki/ca.crt" >/dev/null; then
		say "making certificates"
		rm -rf "$pki"
		(umask 077 && mkdir -p "$pki")
		authority ca
		authority front-proxy-ca
		certificate apiserver ca /CN=kube-apiserver \
			"IP:$node_address,IP:127.0.0.1,IP:$api_service,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
		certificate admin ca /O=system:masters/CN=admin
		certificate apiserver-kubelet ca /O=system:masters/CN=apiserver-kubelet
		certificate controller-manager ca /CN=system:kube-controller-manager
		certificate scheduler ca /CN=system:kube-scheduler
		certificate proxy ca /CN=system:kube-proxy
		certificate kubelet ca /O=system:nodes/CN=system:node:weft "IP:$node_address,DNS:weft"
		certificate front-proxy front-proxy-ca /CN=front-proxy
		key service-account
		for name in admin controller-manager scheduler proxy kubelet; do
			kubeconfig_of "$name" >"$pki/$name.kubeconfig"
		done
		touch "$pki/done"
	fi
	mkdir -p "$(dirname "$kubeconfig")"
	install -m 600 "$pki/admin.kubeconfig" "$kubeconfig"
	# Whoever called sudo is who reads it.
	[[ -z ${SUDO_UID:-} ]] || chown -R "$SUDO_UID:${SUDO_GID:-0}" "$(dirname "$kubeconfig")"
}
