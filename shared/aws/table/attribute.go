package table

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Binary returns a binary attribute. Nil bytes become empty ones: DynamoDB distinguishes the two, the views do not.
func Binary(b []byte) types.AttributeValue {
	if b == nil {
		b = []byte{}
	}
	return &types.AttributeValueMemberB{Value: b}
}

// Text is a string attribute.
func Text[T ~string](s T) types.AttributeValue { return &types.AttributeValueMemberS{Value: string(s)} }

// Number is a number attribute.
func Number[T ~int64](n T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

// BinaryOf reads a binary attribute. Errors name the attribute and what the item has instead.
func BinaryOf(item Item, name string) ([]byte, error) {
	if b, ok := item[name].(*types.AttributeValueMemberB); ok {
		return b.Value, nil
	}
	return nil, wrong(item, name, "binary")
}

// TextOf reads a string attribute.
func TextOf(item Item, name string) (string, error) {
	if s, ok := item[name].(*types.AttributeValueMemberS); ok {
		return s.Value, nil
	}
	return "", wrong(item, name, "a string")
}

// NumberOf reads a number attribute that is an integer.
func NumberOf[T ~int64](item Item, name string) (T, error) {
	n, ok := item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, wrong(item, name, "a number")
	}
	value, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("attribute %q is not a 64-bit integer: %w", name, err)
	}
	return T(value), nil
}

func wrong(item Item, name, want string) error {
	if item[name] == nil {
		return fmt.Errorf("attribute %q is missing; must be %s", name, want)
	}
	return fmt.Errorf("attribute %q is a %T; must be %s", name, item[name], want)
}
