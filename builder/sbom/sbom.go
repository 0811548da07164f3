// Package sbom lists what a Go program was linked from, as a bill of materials
// in the format SPDX.
package sbom

import (
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// MediaType is that of SPDX 2.3 as JSON.
const MediaType = "application/spdx+json"

// Program is an executable made by the go command.
type Program struct {
	// Name of it, as people know it.
	Name string
	// Binary is its file, SHA256 the sum of that in hexadecimal.
	Binary, SHA256 string
	// Platform is its operating system and architecture, such as linux/amd64.
	Platform string
}

// The following are the parts of SPDX 2.3 that are used here, named as in its
// JSON schema.

type spdxDocument struct {
	SPDXVersion       string             `json:"spdxVersion"`
	DataLicense       string             `json:"dataLicense"`
	SPDXID            string             `json:"SPDXID"`
	Name              string             `json:"name"`
	DocumentNamespace string             `json:"documentNamespace"`
	CreationInfo      spdxCreation       `json:"creationInfo"`
	Packages          []spdxPackage      `json:"packages"`
	Relationships     []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	Name             string         `json:"name"`
	SPDXID           string         `json:"SPDXID"`
	VersionInfo      string         `json:"versionInfo,omitempty"`
	DownloadLocation string         `json:"downloadLocation"`
	FilesAnalyzed    bool           `json:"filesAnalyzed"`
	LicenseConcluded string         `json:"licenseConcluded"`
	LicenseDeclared  string         `json:"licenseDeclared"`
	CopyrightText    string         `json:"copyrightText"`
	PrimaryPurpose   string         `json:"primaryPackagePurpose"`
	Comment          string         `json:"comment,omitempty"`
	Checksums        []spdxChecksum `json:"checksums,omitempty"`
	ExternalRefs     []spdxRef      `json:"externalRefs,omitempty"`
}

type spdxChecksum struct {
	Algorithm     string `json:"algorithm"`
	ChecksumValue string `json:"checksumValue"`
}

type spdxRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const noAssertion = "NOASSERTION"

// SPDX lists what a program was linked from, as the go command has noted it in
// the program itself. The document says that it was made at created, and is the
// same whenever it is made.
func SPDX(p Program, created time.Time) ([]byte, error) {
	info, err := buildinfo.ReadFile(p.Binary)
	if err != nil {
		return nil, fmt.Errorf("%s is no Go program, or says nothing of its modules: %w", filepath.Base(p.Binary), err)
	}
	program := spdxPackage{
		Name: p.Name, SPDXID: "SPDXRef-Program", PrimaryPurpose: "APPLICATION",
		Comment:   fmt.Sprintf("%s, %s, %s", info.Path, p.Platform, info.GoVersion),
		Checksums: []spdxChecksum{{"SHA256", p.SHA256}},
	}
	doc := spdxDocument{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: p.Name,
		DocumentNamespace: "https://weft.dev/spdx/" + p.Name + "-" + p.SHA256,
		CreationInfo:      spdxCreation{created.Format(time.RFC3339), []string{"Tool: weft"}},
		Packages:          []spdxPackage{program.settled()},
		Relationships:     []spdxRelationship{{"SPDXRef-DOCUMENT", "DESCRIBES", program.SPDXID}},
	}
	main := info.Main
	modules := []*debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	if main.Path != "" {
		modules = append(modules, &main)
	}
	deps := slices.Clone(info.Deps)
	slices.SortFunc(deps, func(a, b *debug.Module) int { return cmp.Compare(a.Path, b.Path) })
	for _, m := range append(modules, deps...) {
		pkg := spdxModule(m)
		doc.Packages = append(doc.Packages, pkg.settled())
		doc.Relationships = append(doc.Relationships, spdxRelationship{program.SPDXID, "CONTAINS", pkg.SPDXID})
	}
	return json.MarshalIndent(doc, "", " ")
}

// spdxModule describes a module. One that was replaced by another is
// described as the other; one that was replaced by a directory keeps its name
// and has no version, for the directory is a path of some machine.
func spdxModule(m *debug.Module) spdxPackage {
	if r := m.Replace; r != nil {
		if r.Version != "" {
			m = r
		} else {
			m = &debug.Module{Path: m.Path}
		}
	}
	p := spdxPackage{Name: m.Path, SPDXID: spdxID(m.Path), PrimaryPurpose: "LIBRARY"}
	purl := "pkg:golang/" + purlPath(m.Path)
	if m.Version != "" && m.Version != "(devel)" {
		p.VersionInfo = m.Version
		purl += "@" + strings.ReplaceAll(url.PathEscape(m.Version), "+", "%2B")
	}
	if m.Sum != "" {
		p.Comment = "go.sum " + m.Sum
	}
	p.ExternalRefs = []spdxRef{{"PACKAGE-MANAGER", "purl", purl}}
	return p
}

// settled fills the fields that must be there and are not known.
func (p spdxPackage) settled() spdxPackage {
	p.DownloadLocation, p.LicenseConcluded, p.LicenseDeclared, p.CopyrightText = noAssertion, noAssertion, noAssertion, noAssertion
	return p
}

// spdxID makes an identifier of a module's path. Identifiers have letters,
// digits, dots and dashes; what else a path has is written as its number, so
// that two paths never become the same.
func spdxID(path string) string {
	var b strings.Builder
	b.WriteString("SPDXRef-Module-")
	for _, r := range path {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "-%x-", r)
		}
	}
	return b.String()
}

// purlPath escapes a path for a package URL, its slashes excepted.
func purlPath(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
