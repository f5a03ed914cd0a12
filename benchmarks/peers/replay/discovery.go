package main

import (
	"fmt"
	"strings"
)

// documents is what clients ask for before they dare to ask for pods.
var documents = map[string]string{
	"/version": `{"major":"1","minor":"37","gitVersion":"v1.37.0"}`,
	"/api":     `{"kind":"APIVersions","versions":["v1"]}`,
	"/apis":    `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`,
	"/api/v1": `{"kind":"APIResourceList","groupVersion":"v1","resources":[
{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get","list","watch","patch"]},
{"name":"namespaces","singularName":"namespace","namespaced":false,"kind":"Namespace","verbs":["get","list","watch"]},
{"name":"events","singularName":"event","namespaced":true,"kind":"Event","verbs":["create"]}]}`,
	"/api/v1/namespaces": `{"kind":"NamespaceList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}`,
}

func discovery(path string) string {
	status, body := "200 OK", documents[strings.TrimSuffix(path, "/")]
	if body == "" {
		status, body = "404 Not Found", `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"only pods are here","reason":"NotFound","code":404}`
	}
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}
