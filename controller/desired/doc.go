// Package desired says which Kubernetes resources a mesh is to have: pure
// functions from a Plan, what an installation sets and what the cluster was
// found to have, to objects. The controller applies them, weft render prints
// them, weft deploy shows them: all three the same.
//
// For the mesh <mesh> there are
//
//	Secret         <mesh>-tokens      a token for each function; its data is the controller's matter
//	ConfigMap      <mesh>-mesh        the mesh, for front and dispatchers
//	Deployment     <mesh>-front       gateway, sink, triggers and a dispatcher; with Service
//	Deployment     <mesh>-dispatcher  more dispatchers; <mesh>, where a ScaledObject of someone else targets that
//	ScaledObject   <mesh>-dispatcher  for these (hashed beyond 54 characters), with TriggerAuthentication <mesh>
//	NetworkPolicy, ServiceAccount of these
//	Component      <component>        for each inline component that a function or the front uses
//
// and for each function <mesh>-<function> (hashed beyond 52 characters)
//
//	ServiceAccount, NetworkPolicy
//	Knative Service                    scaler: knative
//	Deployment, Service, ScaledObject  scaler: keda
//
// All carry the label weft.dev/mesh and, where there is one, an owner
// reference to the FunctionMesh. What the API server would default is left
// out, and so is spec.replicas: who scales sets it.
package desired
