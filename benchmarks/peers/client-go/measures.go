package main

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	corev1 "k8s.io/api/core/v1"
)

// onUpdate handles updates alone.
func onUpdate(do func(object any)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, object any) { do(object) }}
}

// events is the time from the first update that the handler sees to the last.
func events(mode, url string, count int, read read) line {
	informer := podInformer(mode, url)
	done := make(chan line)
	seen := 0
	var started span
	must(informer.AddEventHandler(onUpdate(func(object any) {
		if seen == 0 {
			started = now()
		}
		read(object)
		if seen++; seen == count {
			done <- started.since()
		}
	})))
	start(informer)
	result := <-done
	result["count"] = count
	return result
}

// synced starts an informer and returns once all its objects are in the cache and its handlers have seen them.
func synced(informer cache.SharedIndexInformer, handler cache.ResourceEventHandler) {
	registration := must(informer.AddEventHandler(handler))
	start(informer)
	if !cache.WaitForCacheSync(context.Background().Done(), informer.HasSynced, registration.HasSynced) {
		panic("not synced")
	}
}

// firstSync is the time until the cache is synced, and the memory that it takes from then on.
func firstSync(mode, url string, pods int) line {
	informer := podInformer(mode, url)
	residentBefore, heapBefore := settled()
	started := now()
	start(informer)
	for !informer.HasSynced() || len(informer.GetStore().ListKeys()) < pods {
		time.Sleep(time.Millisecond)
	}
	result := started.since()
	resident, heap := settled()
	result["count"] = pods
	result["resident"], result["heap"] = resident-residentBefore, heap-heapBefore
	result["peak"] = status("VmHWM") - residentBefore
	informer.GetStore().ListKeys() // still there
	return result
}

// relist has the watch expire, and looks at what the following list does: to memory, to handlers, to other goroutines.
func relist(mode, url string, pods int) line {
	informer := podInformer(mode, url)
	var seen atomic.Int64
	count := func(any) { seen.Add(1) }
	synced(informer, cache.ResourceEventHandlerFuncs{
		AddFunc: count, UpdateFunc: func(_, object any) { count(object) }, DeleteFunc: count,
	})
	steady, _ := settled()
	before, version := seen.Load(), informer.LastSyncResourceVersion()
	ticker := &ticker{}
	go ticker.run()
	time.Sleep(100 * time.Millisecond)
	ticker.reset()
	resetPeak()
	started := now()
	must(http.Get(url + "/replay/expire")).Body.Close()
	for informer.LastSyncResourceVersion() == version {
		time.Sleep(time.Millisecond)
	}
	result := started.since()
	for last := int64(-1); last != seen.Load(); time.Sleep(time.Second) {
		last = seen.Load() // handlers are still being told
	}
	result["count"], result["steady"], result["peak"] = pods, steady, status("VmHWM")
	result["events"], result["late"] = seen.Load()-before, ticker.lateness()
	return result
}

// fanout is the time that the same updates take with one handler and with a hundred.
func fanout(mode, url string, count int) line {
	result := line{"count": count}
	for _, handlers := range []int{1, 100} {
		informer := podInformer(mode, url)
		var waiting sync.WaitGroup
		for range handlers {
			seen := 0
			waiting.Add(1)
			must(informer.AddEventHandler(onUpdate(func(any) {
				if seen++; seen == count {
					waiting.Done()
				}
			})))
		}
		started := now()
		start(informer)
		waiting.Wait()
		result[strconv.Itoa(handlers)] = started.since()
	}
	return result
}

// firstEvent is when the first object arrived, by the clock that the caller started the process by.
func firstEvent(mode, url string, _ int) line {
	informer := podInformer(mode, url)
	first := make(chan int64, 1)
	must(informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(object any) {
		keyAndLabels(object)
		select {
		case first <- time.Now().UnixNano():
		default:
		}
	}}))
	start(informer)
	return line{"at": float64(<-first) / 1e9}
}

// latency is how long after its write began each change of a ConfigMap arrived; url is a kubeconfig's path.
func latency(mode, kubeconfig string, count int) line {
	config := must(clientcmd.BuildConfigFromFlags("", kubeconfig))
	if mode == "protobuf" {
		config.ContentType = "application/vnd.kubernetes.protobuf"
	}
	clients := must(kubernetes.NewForConfig(config))
	informer := informers.NewSharedInformerFactoryWithOptions(
		clients, 0, informers.WithNamespace("default"),
	).Core().V1().ConfigMaps().Informer()
	arrived := make(chan float64, count)
	synced(informer, onUpdate(func(object any) {
		at := time.Now().UnixNano()
		if sent, err := strconv.ParseInt(object.(*corev1.ConfigMap).Data["sent"], 10, 64); err == nil {
			arrived <- float64(at-sent) / 1e9
		}
	}))
	println("ready") // on standard error, for the writer
	late := make([]float64, count)
	for number := range late {
		late[number] = <-arrived
	}
	return line{"count": count, "seconds": late}
}
