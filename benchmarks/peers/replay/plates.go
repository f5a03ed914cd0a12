package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

type media int

const (
	asJSON media = iota
	asProtobuf
)

// plates are the forms in which pods leave this server in one media type, per group.
type plates struct {
	media    media
	items    [2][]*plate // in a list: as they are first, and once all have changed
	added    [2][]*plate // in a streamed list, framed
	modified []*plate    // in a watch, framed
}

func newPlates(media media, from templates) *plates {
	p := &plates{media: media}
	for changed, documents := range [][]json.RawMessage{from.First, from.Modified} {
		for _, document := range documents {
			p.items[changed] = append(p.items[changed], itemPlate(media, document))
			p.added[changed] = append(p.added[changed], eventPlate(media, "ADDED", document).asChunk())
		}
	}
	for _, document := range from.Modified {
		p.modified = append(p.modified, eventPlate(media, "MODIFIED", document).asChunk())
	}
	return p
}

// itemPlate is a pod within a list: without kind and version in JSON, with its field's tag and length in protobuf.
func itemPlate(media media, document []byte) *plate {
	if media == asJSON {
		return jsonPlate(bytes.Replace(document, []byte(`"kind":"Pod","apiVersion":"v1",`), nil, 1))
	}
	dummies := newDummies(document)
	encoded := must(decode(dummies.document).Marshal())
	return protobufPlate(encoded, dummies).within(binary.AppendUvarint([]byte{0x12}, uint64(len(encoded))), nil)
}

func eventPlate(media media, kind string, document []byte) *plate {
	if media == asJSON {
		return jsonPlate(fmt.Appendf(nil, "{\"type\":%q,\"object\":%s}\n", kind, document))
	}
	dummies := newDummies(document)
	return protobufPlate(protobufEvent(kind, decode(dummies.document)), dummies)
}

// protobufEvent is a length-delimited frame around a WatchEvent, in which the object is as it would be by itself.
func protobufEvent(kind string, object runtime.Object) []byte {
	var inner bytes.Buffer
	check(protobuf.NewSerializer(scheme, scheme).Encode(object, &inner))
	event := metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Raw: inner.Bytes()}}
	encoded := must(event.Marshal())
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(encoded))), encoded...)
}

// event is a whole frame for an object that is no pod: a bookmark or a status.
func event(media media, kind string, object runtime.Object) []byte {
	if media == asJSON {
		return fmt.Appendf(nil, "{\"type\":%q,\"object\":%s}\n", kind, must(json.Marshal(object)))
	}
	return protobufEvent(kind, object)
}

func decode(document []byte) *corev1.Pod {
	pod := &corev1.Pod{}
	check(json.Unmarshal(document, pod))
	return pod
}

// listHead and listTail are what stands around the items of a list; the lengths in a protobuf head count the items.
func (p *plates) listHead(meta metav1.ListMeta, items int) []byte {
	if p.media == asJSON {
		return fmt.Appendf(nil, `{"kind":"PodList","apiVersion":"v1","metadata":%s,"items":[`, must(json.Marshal(meta)))
	}
	encoded := must(meta.Marshal())
	head := append(binary.AppendUvarint([]byte{0x0a}, uint64(len(encoded))), encoded...)
	kind := must((&runtime.TypeMeta{APIVersion: "v1", Kind: "PodList"}).Marshal())
	unknown := append([]byte("k8s\x00\x0a"), byte(len(kind)))
	unknown = append(append(unknown, kind...), 0x12)
	return append(binary.AppendUvarint(unknown, uint64(len(head)+items)), head...)
}

func (p *plates) listTail() []byte {
	if p.media == asJSON {
		return []byte("]}\n")
	}
	return []byte{0x1a, 0, 0x22, 0} // no content encoding, no content type
}

var scheme = func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	check(corev1.AddToScheme(scheme))
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	return scheme
}()

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}
