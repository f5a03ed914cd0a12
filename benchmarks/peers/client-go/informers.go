package main

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// read is what a handler does with an object.
type read func(object any)

var touched int // so that no read is for nothing

func keyAndLabels(object any) {
	key, _ := cache.MetaNamespaceKeyFunc(object)
	touched += len(key) + len(object.(metav1.Object).GetLabels())
}

// specAndStatus reads from both: they were decoded before the handler was called.
func specAndStatus(object any) {
	switch pod := object.(type) {
	case *corev1.Pod:
		touched += len(pod.Spec.Containers) + len(pod.Status.Conditions) + len(pod.Status.PodIP)
	case *unstructured.Unstructured:
		spec, _ := pod.Object["spec"].(map[string]any)
		status, _ := pod.Object["status"].(map[string]any)
		touched += len(spec) + len(status)
	}
}

// podInformer is one of all pods that has not been started.
func podInformer(mode, url string) cache.SharedIndexInformer {
	config := &rest.Config{Host: url, QPS: -1}
	if mode == "dynamic" {
		factory := dynamicinformer.NewDynamicSharedInformerFactory(must(dynamic.NewForConfig(config)), 0)
		return factory.ForResource(corev1.SchemeGroupVersion.WithResource("pods")).Informer()
	}
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json"
	if mode == "protobuf" {
		config.ContentType = "application/vnd.kubernetes.protobuf"
		config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	}
	return informers.NewSharedInformerFactory(must(kubernetes.NewForConfig(config)), 0).Core().V1().Pods().Informer()
}

func start(informer cache.SharedIndexInformer) {
	go informer.RunWithContext(context.Background())
}
