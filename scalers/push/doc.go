// Package push is an external scaler of KEDA
// (https://keda.sh/docs/latest/concepts/external-scalers): a gRPC server that
// counts what waits in the queues of a mesh, and tells KEDA at once when events
// come for a target that may be at zero. A poll would find them on average half
// an interval later, and asks a NATS server for the state of all its streams
// each time.
//
// What KEDA 2.21 does with it, and what follows:
//
//   - It wakes a target at each true of StreamIsActive, and writes the
//     ScaledObject's status. So a true is not repeated for a while.
//   - It ignores false: targets go to zero by its polls, which ask GetMetrics
//     and IsActive.
//   - It opens a stream that failed again after 2 s, then 4 s and so on up to a
//     minute, and never begins anew unless a stream ends well. So streams here
//     end well when the server stops, and do not fail when a broker does.
//   - It drops the metrics of a server that is not there when the ScaledObject
//     comes, and looks again only at StreamMetricSpec.
package push
