// Command client-go measures client-go's shared informers against a server that benchmarks/ started.
//
//	client-go MODE MEASURE URL [NUMBER]
//
// MODE is protobuf, json or dynamic. It prints one JSON line: counts, seconds, bytes, and versions.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// line is what is printed.
type line map[string]any

var measures = map[string]func(mode, url string, number int) line{
	"events":        func(mode, url string, number int) line { return events(mode, url, number, keyAndLabels) },
	"events-whole":  func(mode, url string, number int) line { return events(mode, url, number, specAndStatus) },
	"sync-paged":    func(mode, url string, number int) line { return firstSync(mode, url+"/paged", number) },
	"sync-streamed": firstSync,
	"relist":        relist,
	"fanout":        fanout,
	"first":         firstEvent,
	"latency":       latency,
}

func main() {
	if len(os.Args) < 4 || measures[os.Args[2]] == nil {
		fmt.Fprintln(os.Stderr, "usage: client-go MODE MEASURE URL [NUMBER]")
		os.Exit(2)
	}
	number := 0
	if len(os.Args) > 4 {
		number = must(strconv.Atoi(os.Args[4]))
	}
	result := measures[os.Args[2]](os.Args[1], os.Args[3], number)
	result["versions"] = versions()
	fmt.Println(string(must(json.Marshal(result))))
}

func versions() map[string]string {
	versions := map[string]string{"go": runtime.Version()}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == "k8s.io/client-go" {
				versions[module.Path] = module.Version
			}
		}
	}
	return versions
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}
