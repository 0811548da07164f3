// Package v1beta1 holds the FunctionMesh: the one document from which both
// engines, local and cluster, run a mesh of functions.
//
// The package has types, defaults and validation and nothing else. It imports
// k8s.io/api and k8s.io/apimachinery only, so that any Kubernetes client can
// use it.
//
// +kubebuilder:object:generate=true
// +groupName=functions.openfunction.io
package v1beta1
