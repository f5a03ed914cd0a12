package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// place is where in a plate's bytes a blank's value goes.
type place struct {
	at    int
	blank int
}

// plate is bytes with blanks, of the same length for every pod of a group: an item or an event, as JSON or protobuf.
type plate struct {
	bytes  []byte
	blanks []blank
	places []place
	binary bool // times are varints
}

var mark = regexp.MustCompile(`<([a-zA-Z])((?::\d+)*)>`)

// jsonPlate puts bytes of the width of their values where the marks are.
func jsonPlate(marked []byte) *plate {
	p := &plate{}
	known := map[string]int{}
	end := 0
	for _, found := range mark.FindAllSubmatchIndex(marked, -1) {
		p.bytes = append(p.bytes, marked[end:found[0]]...)
		end = found[1]
		which := p.know(string(marked[found[0]:end]), known)
		p.places = append(p.places, place{len(p.bytes), which})
		p.bytes = append(p.bytes, make([]byte, p.blanks[which].width())...)
	}
	p.bytes = append(p.bytes, marked[end:]...)
	return p
}

func (p *plate) know(text string, known map[string]int) int {
	if which, ok := known[text]; ok {
		return which
	}
	known[text] = len(p.blanks)
	p.blanks = append(p.blanks, parseBlank(text))
	return known[text]
}

func parseBlank(text string) blank {
	b := blank{kind: text[1]}
	for _, arg := range strings.Split(text[1:len(text)-1], ":")[1:] {
		number, err := strconv.Atoi(arg)
		if err != nil {
			panic(err)
		}
		b.args = append(b.args, number)
	}
	return b
}

// dummies is a document with a recognisable value for each mark, as wide as the real ones.
type dummies struct {
	document []byte
	blanks   []blank
	texts    []string
}

const dummyTime = 1_000_000_000 // takes as many bytes in a varint as the times that pods have

func newDummies(marked []byte) *dummies {
	d := &dummies{}
	known := map[string]string{}
	d.document = mark.ReplaceAllFunc(marked, func(found []byte) []byte {
		text, ok := known[string(found)]
		if !ok {
			b := parseBlank(string(found))
			text = dummy(b, len(d.blanks))
			known[string(found)] = text
			d.blanks, d.texts = append(d.blanks, b), append(d.texts, text)
		}
		return []byte(text)
	})
	return d
}

func dummy(b blank, number int) string {
	if b.isTime() {
		return time.Unix(int64(dummyTime+number), 0).UTC().Format(time.RFC3339)
	}
	text := fmt.Sprintf("Z%02d", number)
	return text + strings.Repeat("z", b.width()-len(text))
}

// protobufPlate finds the dummies of a document in its protobuf form.
func protobufPlate(encoded []byte, d *dummies) *plate {
	p := &plate{bytes: encoded, blanks: d.blanks, binary: true}
	for which, b := range d.blanks {
		want := []byte(d.texts[which])
		skip := 0
		if b.isTime() {
			want = binary.AppendUvarint([]byte{0x08}, uint64(dummyTime+which))
			skip = 1
		}
		p.findAll(want, skip, which)
	}
	if mark.Match(encoded) {
		panic("a mark is left in a protobuf plate")
	}
	return p
}

func (p *plate) findAll(want []byte, skip, which int) {
	for from := 0; ; {
		found := bytes.Index(p.bytes[from:], want)
		if found < 0 {
			return
		}
		p.places = append(p.places, place{from + found + skip, which})
		from += found + len(want)
	}
}

// appendFilled appends the bytes for one pod.
func (p *plate) appendFilled(to []byte, pod *drawn) []byte {
	start := len(to)
	to = append(to, p.bytes...)
	var values [64][]byte
	var scratch [1024]byte
	room := scratch[:0]
	for which, b := range p.blanks {
		at := len(room)
		if p.binary && b.isTime() {
			room = binary.AppendUvarint(room, uint64(b.seconds(pod)))
		} else {
			room = b.appendText(room, pod)
		}
		values[which] = room[at:]
	}
	for _, place := range p.places {
		copy(to[start+place.at:], values[place.blank])
	}
	return to
}

// within is the plate with constant bytes around it.
func (p *plate) within(before, after []byte) *plate {
	wrapped := &plate{blanks: p.blanks, binary: p.binary}
	wrapped.bytes = append(append(append([]byte{}, before...), p.bytes...), after...)
	for _, at := range p.places {
		wrapped.places = append(wrapped.places, place{at.at + len(before), at.blank})
	}
	return wrapped
}

// asChunk is the plate as one chunk of HTTP's chunked coding, which is how a kube-apiserver flushes an event.
func (p *plate) asChunk() *plate {
	return p.within(fmt.Appendf(nil, "%x\r\n", len(p.bytes)), []byte("\r\n"))
}

// templates is what benchmarks/replay.py hands over: marked documents, one per group, as they are first and as they are
// once modified.
type templates struct {
	First    []json.RawMessage `json:"first"`
	Modified []json.RawMessage `json:"modified"`
}
