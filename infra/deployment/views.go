package deployment

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// Files with views, below the directory of the repository.
const (
	sampleViews   = "localstack/sample/views.yaml"
	deployedViews = "build/deployed-views.yaml"
)

// maxCode bounds the code of a function that is read. Source: Lambda quotas, deployment package.
const maxCode = 256 << 20

// compileViews checks the views file that is given, if there is one.
func (d Settings) compileViews() error {
	if d.Views == "" {
		return nil
	}
	file := d.Views
	if !filepath.IsAbs(file) {
		file = filepath.Join(d.Root, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("VIEWS=%s: %w", d.Views, err)
	}
	definitions, err := viewfile.Parse(d.Views, text)
	if err != nil {
		return err
	}
	_, err = view.Compile(definitions...)
	return err
}

// chooseViews returns the views file to deploy, and where it is from. A view that is missing from the file is retired,
// so that a deployment that names no file keeps the views of the stack.
func (a Account) chooseViews(ctx context.Context, d Settings, s Stack) (file, origin string, err error) {
	switch {
	case d.Views != "":
		return d.Views, d.Views, nil
	case s.isNew():
		return sampleViews, sampleViews + ", the sample's; give your own: VIEWS=views.yaml", nil
	}
	text, err := a.readViews(ctx, s)
	if err != nil {
		return "", "", fmt.Errorf("read the views of stack %s: %w; or give a file: VIEWS=views.yaml", s.Name, err)
	}
	file = filepath.Join(d.Root, deployedViews)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", "", err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return "", "", err
	}
	return deployedViews, "those of the stack, in " + deployedViews + "; change them with VIEWS=views.yaml", nil
}

// readViews returns the views file of a deployed stack, from the code of batch that sam has uploaded.
func (a Account) readViews(ctx context.Context, s Stack) ([]byte, error) {
	bucket, key, err := a.codeOfBatch(ctx, s)
	if err != nil {
		return nil, err
	}
	object, err := a.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	defer object.Body.Close()
	code, err := io.ReadAll(io.LimitReader(object.Body, maxCode))
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	files, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	views, err := files.Open("views.yaml")
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	defer views.Close()
	return io.ReadAll(views)
}

// codeOfBatch returns where the code of the batch function is, as the deployed template says.
func (a Account) codeOfBatch(ctx context.Context, s Stack) (bucket, key string, err error) {
	got, err := a.Stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{
		StackName: &s.ID, TemplateStage: types.TemplateStageProcessed,
	})
	if err != nil {
		return "", "", fmt.Errorf("read its template: %w", err)
	}
	var t struct {
		Resources struct {
			BatchFunction struct {
				Properties struct {
					Code struct{ S3Bucket, S3Key string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(got.TemplateBody)), &t); err != nil {
		return "", "", fmt.Errorf("read its template: %w", err)
	}
	code := t.Resources.BatchFunction.Properties.Code
	if code.S3Bucket == "" || code.S3Key == "" {
		return "", "", fmt.Errorf("its template does not say where the code of batch is")
	}
	return code.S3Bucket, code.S3Key, nil
}
