// The decoders of libnetwork's packages that cannot be built alone, word for word out of the module's sources: those
// packages want a kernel's network. Says where it wrote them; they are built with what stands beside them here.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// One file of the module, the declarations taken of it, and where they go.
var parts = []struct {
	file, to, pkg string
	names         []string
	imports       string
}{
	{"driverapi/ipamdata.go", "decoders/ipamdata.go", "decoders", []string{"IPAMData.UnmarshalJSON", "IPAMData.MarshalJSON"}, `"encoding/json"; "net"; "github.com/docker/libnetwork/types"`},
	{"driverapi/driverapi.go", "decoders/driverapi.go", "decoders", []string{"IPAMData"}, `"net"`},
	{"network.go", "decoders/network.go", "decoders", []string{"IpamConf", "IpamConf.CopyTo", "IpamInfo", "IpamInfo.UnmarshalJSON", "IpamInfo.MarshalJSON", "IpamInfo.CopyTo", "network.UnmarshalJSON", "network.MarshalJSON", "network.CopyTo", "loadBalancerModeNAT"}, `"encoding/json"; "net"; "time"; "github.com/docker/libnetwork/datastore"; "github.com/docker/libnetwork/ipamapi"; "github.com/docker/libnetwork/netlabel"; "github.com/docker/libnetwork/options"; "github.com/docker/libnetwork/types"; "github.com/sirupsen/logrus"`},
	{"endpoint.go", "decoders/endpoint.go", "decoders", []string{"endpoint.UnmarshalJSON", "endpoint.MarshalJSON", "endpoint.CopyTo", "endpoint.getFirstInterfaceIPv4Address", "endpoint.getFirstInterfaceIPv6Address"}, `"encoding/json"; "net"; "github.com/docker/libnetwork/datastore"; "github.com/docker/libnetwork/netlabel"; "github.com/docker/libnetwork/options"; "github.com/docker/libnetwork/types"; "github.com/sirupsen/logrus"`},
	{"endpoint_info.go", "decoders/endpoint_info.go", "decoders", []string{"endpointInterface", "endpointInterface.UnmarshalJSON", "endpointInterface.MarshalJSON", "endpointInterface.CopyTo", "endpointJoinInfo", "endpointJoinInfo.UnmarshalJSON", "endpointJoinInfo.MarshalJSON", "endpointJoinInfo.CopyTo", "tableEntry"}, `"encoding/json"; "net"; "github.com/docker/libnetwork/types"`},
	{"endpoint_cnt.go", "decoders/endpoint_cnt.go", "decoders", []string{"endpointCnt", "endpointCnt.SetValue"}, `"encoding/json"; "sync"`},
	{"drivers/overlay/ov_network.go", "overlay/ov_network.go", "overlay", []string{"subnetJSON", "network.SetValue", "network.Value", "network.contains", "network.getSubnetforIP", "network.getMatchingSubnet"}, `"encoding/json"; "net"; "github.com/docker/libnetwork/types"`},
}

func main() {
	module, here := os.Args[1], os.Args[2]
	for _, part := range parts {
		if err := extract(filepath.Join(module, part.file), filepath.Join(here, part.to), part.pkg, part.names, part.imports); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
}

func extract(from, to, pkg string, names []string, imports string) error {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, from, nil, 0)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool)
	for _, name := range names {
		wanted[name] = true
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "package %s\n\nimport (\n\t%s\n)\n", pkg, strings.ReplaceAll(imports, "; ", "\n\t"))
	for _, declaration := range parsed.Decls {
		found := false
		for _, name := range namesOf(declaration) {
			if wanted[name] {
				found = true
				delete(wanted, name)
			}
		}
		if found {
			out.WriteString("\n")
			if err := printer.Fprint(&out, files, declaration); err != nil {
				return err
			}
			out.WriteString("\n")
		}
	}
	for name := range wanted {
		return fmt.Errorf("%s has no %s", from, name)
	}
	// What another package of it is, is beside it here.
	return os.WriteFile(to, bytes.ReplaceAll(out.Bytes(), []byte("driverapi.IPAMData"), []byte("IPAMData")), 0o644)
}

func namesOf(declaration ast.Decl) []string {
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		if declaration.Recv == nil {
			return []string{declaration.Name.Name}
		}
		receiver := declaration.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		return []string{receiver.(*ast.Ident).Name + "." + declaration.Name.Name}
	case *ast.GenDecl:
		var names []string
		for _, spec := range declaration.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				names = append(names, spec.Names[0].Name)
			}
		}
		return names
	}
	return nil
}
