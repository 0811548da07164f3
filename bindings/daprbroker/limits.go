package daprbroker

// Limits says in plain words which of the Broker's promises the component of
// that type does not keep, one each; none if it keeps all.
func Limits(componentType string) []string {
	return append([]string(nil), traitsOf(componentType).limits...)
}

var redisLimits, rabbitmqLimits, jetstreamLimits, kafkaLimits, mqttLimits, inMemoryLimits, otherLimits []string
