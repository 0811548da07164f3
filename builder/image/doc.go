// Package image packs programs into OCI images without a container engine,
// and writes the images to a registry, a directory or an archive.
//
// An image is an index with a manifest for each platform, and each manifest
// has two layers: the files that every program may want (certificates, time
// zones, the user) and the program. The first is the same for all functions;
// a rebuild changes the second alone, and only blobs that a registry lacks
// are sent. The parts of an image hold no time, owner or path of the machine
// that made them, so that the same program gives the same digest anywhere.
//
// Beside each manifest there is a list of the modules in the program, in SPDX
// 2.3, that refers to the manifest by the subject of OCI 1.1.
package image
