package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	defaultPage = 500
	writeSize   = 256 << 10
	listChunk   = 64 << 10
	heldPods    = 50_000
	lastChunk   = "0\r\n\r\n"
)

var head = map[media]string{
	asJSON:     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
	asProtobuf: "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.kubernetes.protobuf%s\r\nTransfer-Encoding: chunked\r\n\r\n",
}

// recording is benchmarks.replay.Recording.
type recording struct {
	Pods      int  `json:"pods"`
	Events    int  `json:"events"`
	Small     bool `json:"small"`
	Snapshots int  `json:"snapshots"`
}

func snapshotVersion(snapshot int) int { return 2_000_000 * (snapshot + 1) }

// server is what the text of benchmarks/replay.py describes, with pods that are made as they are sent.
type server struct {
	recording
	plates map[media]*plates

	mutex    sync.Mutex
	snapshot int
	sent     int                 // events so far
	held     map[string][][]byte // what was asked for before, if it is not too much
	watches  map[*watch]struct{} // the open ones
}

type watch struct {
	events  chan [2]int // from which event to which
	expired chan struct{}
}

func newServer(recording recording, from templates) *server {
	return &server{
		recording: recording,
		plates:    map[media]*plates{asJSON: newPlates(asJSON, from), asProtobuf: newPlates(asProtobuf, from)},
		watches:   map[*watch]struct{}{},
		held:      map[string][][]byte{},
	}
}

func (s *server) serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		io.Copy(io.Discard, request.Body)
		if err := s.answer(&pieces{to: connection}, request); err != nil {
			return
		}
	}
}

func (s *server) answer(to *pieces, request *http.Request) error {
	query := request.URL.Query()
	media := asJSON
	if strings.HasPrefix(request.Header.Get("Accept"), "application/vnd.kubernetes.protobuf") {
		media = asProtobuf
	}
	path := strings.TrimPrefix(request.URL.Path, "/paged")
	switch {
	case path == "/replay/expire":
		s.expire()
		return to.raw(head[asJSON] + lastChunk)
	case path == "/replay/modify":
		s.modify(number(query, "events", 1))
		return to.raw(head[asJSON] + lastChunk)
	case !strings.HasSuffix(path, "/pods"):
		return to.raw(discovery(path))
	case query.Get("watch") == "true" || query.Get("watch") == "1" || query.Get("watch") == "True":
		return s.watch(to, s.plates[media], query.Has("sendInitialEvents"))
	}
	whole := !query.Has("limit") || query.Get("resourceVersion") == "0" && path == request.URL.Path
	return s.list(to, s.plates[media], query, whole)
}

func number(query url.Values, name string, otherwise int) int {
	if value, err := strconv.Atoi(query.Get(name)); err == nil {
		return value
	}
	return otherwise
}

// list answers with a page, or with everything, as an API server does from its watch cache.
func (s *server) list(to *pieces, from *plates, query url.Values, whole bool) error {
	_, snapshot := s.now()
	start, end := 0, s.Pods
	meta := metav1.ListMeta{ResourceVersion: strconv.Itoa(snapshotVersion(snapshot))}
	if !whole {
		start = number(query, "continue", 0)
		end = min(start+number(query, "limit", defaultPage), s.Pods)
		if remaining := int64(s.Pods - end); remaining > 0 {
			meta.Continue, meta.RemainingItemCount = strconv.Itoa(end), &remaining
		}
	}
	to.begin(from.media, "")
	changed := changed(snapshot)
	size := 0
	for pod := start; pod < end; pod++ {
		size += len(from.items[changed][pod%groups].bytes)
	}
	body := from.listHead(meta, size)
	drawer := newDrawer(0)
	for pod := start; pod < end; pod++ {
		if from.media == asJSON && pod > start {
			body = append(body, ',')
		}
		body = from.items[changed][pod%groups].appendFilled(body, drawer.draw(pod, changedVersion(pod)))
		if len(body) > listChunk {
			to.chunk(body)
			body = body[:0]
			if err := to.flush(writeSize); err != nil {
				return err
			}
		}
	}
	to.chunk(append(body, from.listTail()...))
	to.buffer = append(to.buffer, lastChunk...)
	return to.flush(0)
}

// changed is which form the pods of a snapshot have: from the third on, each has been modified.
func changed(snapshot int) int {
	if snapshot > 1 {
		return 1
	}
	return 0
}

func changedVersion(pod int) int { return 5_000_000 + pod }

func (s *server) now() (sent, snapshot int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.sent, s.snapshot
}

// watch sends the list, if it is to be streamed, or else the events; and then whatever it is asked to send.
func (s *server) watch(to *pieces, from *plates, streamed bool) error {
	watch := &watch{make(chan [2]int, 16), make(chan struct{})}
	s.mutex.Lock()
	s.watches[watch] = struct{}{}
	snapshot := s.snapshot
	s.mutex.Unlock()
	defer s.forget(watch)

	to.begin(from.media, ";stream=watch")
	send := s.events
	events := [2]int{0, s.Events}
	if streamed {
		send, events = s.initial, [2]int{0, s.Pods}
	}
	for {
		if err := send(to, from, events, snapshot); err != nil {
			return err
		}
		send = s.events
		select {
		case events = <-watch.events:
		case <-watch.expired:
			to.chunk(event(from.media, "ERROR", &expired))
			to.buffer = append(to.buffer, lastChunk...)
			return to.flush(0)
		}
	}
}

// remembered writes what was made for the first who asked, where that is little enough to hold.
func (s *server) remembered(to *pieces, name string, pods int, make func(to *pieces) error) error {
	if pods > heldPods {
		return make(to)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.held[name] == nil {
		made := &kept{}
		check(make(&pieces{to: made}))
		s.held[name] = made.pieces
	}
	for _, piece := range s.held[name] {
		if _, err := to.to.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// kept is a writer that keeps what it gets.
type kept struct{ pieces [][]byte }

func (k *kept) Write(piece []byte) (int, error) {
	k.pieces = append(k.pieces, bytes.Clone(piece))
	return len(piece), nil
}

func (s *server) initial(to *pieces, from *plates, pods [2]int, snapshot int) error {
	name := fmt.Sprint("initial", from.media, snapshot)
	if err := to.flush(0); err != nil {
		return err
	}
	return s.remembered(to, name, pods[1], func(to *pieces) error { return s.makeInitial(to, from, pods, snapshot) })
}

func (s *server) makeInitial(to *pieces, from *plates, pods [2]int, snapshot int) error {
	drawer := newDrawer(0)
	for pod := pods[0]; pod < pods[1]; pod++ {
		plate := from.added[changed(snapshot)][pod%groups]
		to.buffer = plate.appendFilled(to.buffer, drawer.draw(pod, changedVersion(pod)))
		if err := to.flush(writeSize); err != nil {
			return err
		}
	}
	bookmark := metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: strconv.Itoa(snapshotVersion(snapshot)),
			Annotations:     map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		},
	}
	to.chunk(event(from.media, "BOOKMARK", &bookmark))
	return to.flush(0)
}

func (s *server) events(to *pieces, from *plates, events [2]int, snapshot int) error {
	name := fmt.Sprint("events", from.media, snapshot, events)
	if err := to.flush(0); err != nil {
		return err
	}
	return s.remembered(to, name, events[1]-events[0], func(to *pieces) error { return s.makeEvents(to, from, events, snapshot) })
}

func (s *server) makeEvents(to *pieces, from *plates, events [2]int, snapshot int) error {
	drawer := newDrawer(0)
	for number := events[0]; number < events[1]; number++ {
		pod := number % s.Pods
		drawn := drawer.draw(pod, snapshotVersion(snapshot)+1+number)
		to.buffer = from.modified[pod%groups].appendFilled(to.buffer, drawn)
		if err := to.flush(writeSize); err != nil {
			return err
		}
	}
	return to.flush(0)
}

func (s *server) modify(events int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	next := [2]int{s.sent, s.sent + events}
	s.sent += events
	for watch := range s.watches {
		watch.events <- next
	}
}

func (s *server) expire() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.snapshot++
	for watch := range s.watches {
		close(watch.expired)
		delete(s.watches, watch)
	}
}

func (s *server) forget(watch *watch) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.watches, watch)
}

var expired = metav1.Status{
	TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
	Status:   metav1.StatusFailure,
	Reason:   metav1.StatusReasonExpired,
	Code:     http.StatusGone,
}

// pieces gathers what is worth a system call.
type pieces struct {
	to     io.Writer
	buffer []byte
}

func (p *pieces) begin(media media, parameter string) {
	text := head[media]
	if media == asProtobuf {
		text = fmt.Sprintf(text, parameter)
	}
	p.buffer = append(p.buffer, text...)
}

func (p *pieces) chunk(data []byte) {
	p.buffer = fmt.Appendf(p.buffer, "%x\r\n", len(data))
	p.buffer = append(append(p.buffer, data...), "\r\n"...)
}

func (p *pieces) flush(from int) error {
	if len(p.buffer) <= from {
		return nil
	}
	_, err := p.to.Write(p.buffer)
	p.buffer = p.buffer[:0]
	return err
}

func (p *pieces) raw(answer string) error {
	_, err := io.WriteString(p.to, answer)
	return err
}
