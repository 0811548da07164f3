package daprbroker

// topicOf names the topic of a queue. The names hold letters, digits, hyphens and
// dots, which all components take; where a dot means something, to NATS, it parts
// what it parts here.
func topicOf(namespace, mesh, queue string) string {
	return "weft." + namespace + "." + mesh + "." + queue
}

// consumerOf is the name in which a queue's events are taken: the same for all
// engines. It has no dots, which NATS forbids, and its parts no underscores.
func consumerOf(namespace, mesh, queue string) string {
	return "weft_" + namespace + "_" + mesh + "_" + queue
}

// streamOf names the stream that is made for a mesh's topics if none takes them.
func streamOf(namespace, mesh string) string { return "WEFT_LINKS_" + namespace + "_" + mesh }
