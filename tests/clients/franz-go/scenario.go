package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// T is what a scenario gets: where the broker is, until when to be done, and how to show and to check.
type T struct {
	name      string
	bootstrap string
	ctx       context.Context

	mutex   sync.Mutex
	over    bool
	closers []func()

	topicIDs map[[16]byte]string
}

// failure ends a scenario from any depth of it.
type failure struct{ message string }

func runScenario(bootstrap string, scenario scenario) error {
	ctx, cancel := context.WithTimeout(context.Background(), scenarioTimeout)
	defer cancel()
	t := &T{name: scenario.name, bootstrap: bootstrap, ctx: ctx, topicIDs: map[[16]byte]string{}}
	result := make(chan error, 1)
	go func() {
		defer func() {
			switch problem := recover().(type) {
			case nil:
				result <- nil
			case failure:
				result <- errors.New(problem.message)
			default:
				result <- fmt.Errorf("panic: %v\n%s", problem, debug.Stack())
			}
		}()
		scenario.run(t)
	}()
	var err error
	select {
	case err = <-result:
	case <-time.After(scenarioTimeout + 2*time.Second):
		err = fmt.Errorf("was not done after %v", scenarioTimeout)
	}
	t.end()
	return err
}

// end silences what a scenario that hangs might still print, and closes its clients.
func (t *T) end() {
	t.mutex.Lock()
	t.over = true
	closers := t.closers
	t.mutex.Unlock()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for i := len(closers) - 1; i >= 0; i-- {
			closers[i]()
		}
	}()
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		fmt.Fprintf(os.Stderr, "%s: its clients did not close\n", t.name)
	}
}

func (t *T) atEnd(close func()) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.closers = append(t.closers, close)
}

// show prints one observation. The value is written as Go writes it, with errors by their Kafka name.
func (t *T) show(what string, value any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if !t.over {
		fmt.Printf("%s: %s = %s\n", t.name, what, text(value))
	}
}

func text(value any) string {
	switch value := value.(type) {
	case nil:
		return "none"
	case error:
		return errorName(value)
	case string:
		return value
	case []byte:
		return bytesText(value)
	default:
		return fmt.Sprintf("%v", value)
	}
}

// errorName is the broker's error code by name where there is one, else the client's own error.
func errorName(err error) string {
	var coded *kerr.Error
	if errors.As(err, &coded) {
		return coded.Message
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "deadline exceeded"
	}
	return err.Error()
}

func codeName(code int16) string {
	if code == 0 {
		return "NONE"
	}
	return errorName(kerr.ErrorForCode(code))
}

// bytesText shows short bytes as a quoted string and long ones as length and hash.
func bytesText(data []byte) string {
	switch {
	case data == nil:
		return "null"
	case len(data) <= 48:
		return fmt.Sprintf("%q", data)
	default:
		return fmt.Sprintf("%d bytes, sha256 %x", len(data), sha256.Sum256(data))[:len(fmt.Sprint(len(data)))+len(" bytes, sha256 ")+16]
	}
}

func (t *T) fail(format string, arguments ...any) {
	panic(failure{fmt.Sprintf(format, arguments...)})
}

func (t *T) check(condition bool, format string, arguments ...any) {
	if !condition {
		t.fail(format, arguments...)
	}
}

func (t *T) ok(what string, err error) {
	if err != nil {
		t.fail("%s: expected no error but got %v", what, err)
	}
}

func (t *T) equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		t.fail("%s: expected %v but got %v", what, want, got)
	}
}

// showError shows an error that the scenario expects.
func (t *T) showError(what string, err error) {
	t.check(err != nil, "%s: expected an error but there was none", what)
	t.show(what, err)
}

// until waits for a condition that comes true soon.
func (t *T) until(what string, condition func() bool) {
	for !condition() {
		select {
		case <-t.ctx.Done():
			t.fail("waited in vain for this: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// client makes a client that lasts until the scenario ends.
func (t *T) client(options ...kgo.Opt) *kgo.Client {
	options = append([]kgo.Opt{
		kgo.SeedBrokers(t.bootstrap),
		kgo.ClientID("franz"),
		kgo.RetryTimeout(20 * time.Second),
		// The default of 2.5 s between two looks at the metadata would make waiting for a new topic slow.
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}, options...)
	client, err := kgo.NewClient(options...)
	t.ok("a new client", err)
	t.atEnd(client.Close)
	return client
}

// recordText shows everything of a record but its topic and partition.
func recordText(record *kgo.Record) string {
	var headers []string
	for _, header := range record.Headers {
		headers = append(headers, fmt.Sprintf("%q:%s", header.Key, bytesText(header.Value)))
	}
	return fmt.Sprintf("offset %d key %s value %s headers [%s] timestamp %d type %d epoch %d",
		record.Offset, bytesText(record.Key), bytesText(record.Value), strings.Join(headers, " "),
		record.Timestamp.UnixMilli(), record.Attrs.TimestampType(), record.LeaderEpoch)
}

// sameRecord compares what came back with what was sent; offsets are compared by the caller.
func (t *T) sameRecord(what string, got, want *kgo.Record) {
	t.check(same(got.Key, want.Key), "%s: key %s came back as %s", what, bytesText(want.Key), bytesText(got.Key))
	t.check(same(got.Value, want.Value), "%s: value %s came back as %s", what, bytesText(want.Value), bytesText(got.Value))
	t.check(len(got.Headers) == len(want.Headers), "%s: %d headers came back as %d", what, len(want.Headers), len(got.Headers))
	for i, header := range want.Headers {
		back := got.Headers[i]
		t.check(back.Key == header.Key && same(back.Value, header.Value), "%s: header %d came back as %q:%s", what, i, back.Key, bytesText(back.Value))
	}
	if !want.Timestamp.IsZero() {
		t.equal(what+": timestamp", got.Timestamp.UnixMilli(), want.Timestamp.UnixMilli())
	}
}

// same tells null from empty.
func same(a, b []byte) bool {
	return (a == nil) == (b == nil) && bytes.Equal(a, b)
}
