// Package contract is one suite of calls to the Dapr API, run against daprd and
// against ours: the same calls, the same answers.
//
// A case makes calls over gRPC and HTTP and writes down what was answered, and
// what reached the application, as text. The texts in facts/ are what daprd
// answered: "go test -run TestRealDaprd -update ./bindings/daprapi/contract" writes
// them anew. Run compares a target's texts with them. Where ours answers
// otherwise on purpose, Differences says what and why.
//
// What no two runs share is replaced in the texts: times, trace contexts,
// generated ids, etags, addresses.
package contract
