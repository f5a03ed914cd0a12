// Command replay is benchmarks/replay.py's server for a million pods and for clients that want protobuf: it makes pods
// as it sends them, by filling the blanks of templates, and so holds none.
//
// It takes the recording as its argument, as JSON, and the templates on standard input; it prints its port.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
)

func main() {
	var recording recording
	check(json.Unmarshal([]byte(os.Args[1]), &recording))
	var templates templates
	check(json.NewDecoder(os.Stdin).Decode(&templates))
	server := newServer(recording, templates)
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		go server.serve(must(listener.Accept()))
	}
}
