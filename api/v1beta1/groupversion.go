package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group, Version and Kind as they stand in a mesh file.
const (
	Group   = "functions.openfunction.io"
	Version = "v1beta1"
	Kind    = "FunctionMesh"
)

// GroupVersion is the API group and version of this package.
var GroupVersion = schema.GroupVersion{Group: Group, Version: Version}

// AddToScheme registers the types of this package with a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &FunctionMesh{}, &FunctionMeshList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
