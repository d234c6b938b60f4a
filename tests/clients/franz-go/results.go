package main

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// results shows what a method of the admin client gave: its error, or a line for each thing that it tells of.
func (t *T) results(what string, value any, err error) {
	if err != nil {
		t.show(what, err)
		return
	}
	t.resultLines(what, reflect.ValueOf(value))
}

func (t *T) resultLines(what string, value reflect.Value) {
	switch {
	case value.Kind() == reflect.Map && value.Len() > 0:
		for _, key := range sortedKeys(value) {
			t.resultLines(fmt.Sprintf("%s, %v", what, key), value.MapIndex(key))
		}
	case value.Kind() == reflect.Slice && value.Len() > 0 && value.Type().Elem().Kind() == reflect.Struct:
		var lines []string
		for i := range value.Len() {
			lines = append(lines, t.resultText("", value.Index(i)))
		}
		for i, line := range sorted(lines) {
			t.show(fmt.Sprintf("%s, %d", what, i), line)
		}
	default:
		t.show(what, t.resultText("", value))
	}
}

func sortedKeys(value reflect.Value) []reflect.Value {
	keys := value.MapKeys()
	sort.Slice(keys, func(i, j int) bool {
		if keys[i].CanInt() {
			return keys[i].Int() < keys[j].Int()
		}
		return fmt.Sprint(keys[i]) < fmt.Sprint(keys[j])
	})
	return keys
}

// resultText writes everything but what is zero; what a broker makes up itself is replaced by what can be said of it.
func (t *T) resultText(name string, value reflect.Value) string {
	if err, ok := value.Interface().(error); ok && err != nil {
		return errorName(err)
	}
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return "null"
		}
		value = value.Elem()
	}
	switch name {
	case "ID", "TopicID", "HMAC", "TokenID", "Cluster", "Dir", "TotalBytes", "UsableBytes", "ProducerID":
		return "some"
	case "LastTimestamp", "StartTimestamp", "Timestamp":
		return timeText(value.Int())
	case "MemberID":
		return uuid.ReplaceAllString(value.String(), "<uuid>")
	case "Host", "Port":
		return t.fieldText(name, value)
	}
	switch value.Kind() {
	case reflect.Struct:
		var fields []string
		for i := range value.NumField() {
			field := value.Type().Field(i)
			if field.IsExported() && !value.Field(i).IsZero() {
				fields = append(fields, field.Name+" "+t.resultText(field.Name, value.Field(i)))
			}
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case reflect.Map:
		var entries []string
		for _, key := range sortedKeys(value) {
			entries = append(entries, fmt.Sprintf("%v: %s", key, t.resultText("", value.MapIndex(key))))
		}
		return "{" + strings.Join(entries, ", ") + "}"
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return bytesText(value.Bytes())
		}
		var elements []string
		for i := range value.Len() {
			elements = append(elements, t.resultText("", value.Index(i)))
		}
		return "[" + strings.Join(elements, ", ") + "]"
	}
	return fmt.Sprintf("%v", value.Interface())
}
