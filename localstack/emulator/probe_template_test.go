//go:build emulator

package emulator_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/table"
)

// resources are the resources of a template, by logical id.
type resources map[string]any

// resource returns one resource.
func resource(kind string, properties map[string]any) map[string]any {
	return map[string]any{"Type": kind, "Properties": properties}
}

func ref(name string) map[string]any { return map[string]any{"Ref": name} }

func attribute(name, of string) map[string]any {
	return map[string]any{"Fn::GetAtt": []string{name, of}}
}

// deploy creates or updates a stack. It returns the final status and the outputs.
func (p *prober) deploy(name string, template map[string]any, update bool) (status string, outputs map[string]string) {
	c := cloudformation.NewFromConfig(p.cfg)
	body, err := json.Marshal(template)
	p.must(err)
	capabilities := []cftypes.Capability{cftypes.CapabilityCapabilityIam, cftypes.CapabilityCapabilityAutoExpand}
	if update {
		_, err = c.UpdateStack(
			p.ctx,
			&cloudformation.UpdateStackInput{
				StackName: &name, TemplateBody: aws.String(string(body)), Capabilities: capabilities,
			},
		)
	} else {
		_, err = c.CreateStack(
			p.ctx,
			&cloudformation.CreateStackInput{
				StackName: &name, TemplateBody: aws.String(string(body)), Capabilities: capabilities,
			},
		)
	}
	if err != nil {
		return code(err), nil
	}
	eventually(p, true, time.Minute, func() bool {
		out, err := c.DescribeStacks(p.ctx, &cloudformation.DescribeStacksInput{StackName: &name})
		p.must(err)
		status, outputs = string(out.Stacks[0].StackStatus), map[string]string{}
		for _, o := range out.Stacks[0].Outputs {
			outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
		return !strings.HasSuffix(status, "IN_PROGRESS")
	})
	return status, outputs
}

// stack creates a stack, which must succeed.
func (p *prober) stack(r resources, outputs map[string]any) (name string, out map[string]string) {
	p.Helper()
	name = p.name()
	template := map[string]any{"Resources": r, "Outputs": map[string]any{}}
	for key, value := range outputs {
		template["Outputs"].(map[string]any)[key] = map[string]any{"Value": value}
	}
	status, out := p.deploy(name, template, false)
	if status != "CREATE_COMPLETE" {
		p.Fatalf("stack %s is %s", name, status)
	}
	return name, out
}

// uploaded uploads a zip of a function that is never run.
func (p *prober) uploaded() (bucket, key string) {
	bucket = p.name()
	_, err := awstest.Bucket(p, p.cfg, bucket).PutObject(
		p.ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("code.zip"), Body: bytes.NewReader(p.bootstrap(false))},
	)
	p.must(err)
	return bucket, "code.zip"
}

// gateway is an HTTP API made of native resources, as in the template. The function behind it answers with the event
// that it got.
type gateway struct {
	*host
	base string
}

// event is the part of the API's event that the probes read.
type event struct {
	Type            string            `json:"type"`
	Version         string            `json:"version"`
	RawPath         string            `json:"rawPath"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	Cookies         []string          `json:"cookies"`
	Headers         map[string]string `json:"headers"`
	RequestContext  struct {
		Authorizer struct {
			Lambda map[string]any `json:"lambda"`
		} `json:"authorizer"`
	} `json:"requestContext"`
}

// answerAPI is the function behind the API. As an authorizer it accepts the word "yes"; otherwise the path decides its
// answer.
func answerAPI(_ int, body string) (int, string) {
	var e event
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	switch {
	case e.Type == "REQUEST":
		return http.StatusOK, fmt.Sprintf(
			`{"isAuthorized":%t,"context":{"scope":"write"}}`, e.Headers["authorization"] == "yes",
		)
	case e.RawPath == "/fail":
		return http.StatusInternalServerError, `{"errorType":"secret","errorMessage":"of my own"}`
	case e.RawPath == "/binary":
		return http.StatusOK, `{"statusCode":200,"isBase64Encoded":true,` +
			`"headers":{"content-type":"application/octet-stream"},"body":"AP8="}`
	}
	text, err := json.Marshal(
		map[string]any{"statusCode": 200, "headers": map[string]string{"content-type": "application/json"}, "body": body},
	)
	if err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	return http.StatusOK, string(text)
}

func (p *prober) gateway() *gateway {
	h, function := p.proxied(answerAPI)
	arn := "arn:aws:lambda:us-east-1:000000000000:function:" + function
	invoke := "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + arn + "/invocations"
	r := resources{
		"Api": resource("AWS::ApiGatewayV2::Api", map[string]any{"Name": "probe", "ProtocolType": "HTTP"}),
		"Stage": resource(
			"AWS::ApiGatewayV2::Stage", map[string]any{"ApiId": ref("Api"), "StageName": "$default", "AutoDeploy": true},
		),
		"Permission": resource(
			"AWS::Lambda::Permission",
			map[string]any{"FunctionName": function, "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"},
		),
		"Integration": resource(
			"AWS::ApiGatewayV2::Integration",
			map[string]any{
				"ApiId": ref("Api"), "IntegrationType": "AWS_PROXY", "IntegrationUri": arn, "PayloadFormatVersion": "2.0",
			},
		),
		"Authorizer": resource("AWS::ApiGatewayV2::Authorizer", map[string]any{
			"ApiId": ref("Api"), "Name": "keys", "AuthorizerType": "REQUEST", "AuthorizerUri": invoke,
			"AuthorizerPayloadFormatVersion": "2.0",
			"EnableSimpleResponses":          true,
			"IdentitySource":                 []string{"$request.header.Authorization"},
			"AuthorizerResultTtlInSeconds":   60,
		}),
	}
	for name, route := range map[string]map[string]any{
		"Open": {"RouteKey": "GET /open"}, "Post": {"RouteKey": "POST /open"}, "Fail": {"RouteKey": "GET /fail"},
		"Binary": {"RouteKey": "GET /binary"},
		"Greedy": {"RouteKey": "GET /v1/views/{proxy+}"},
		"Iam":    {"RouteKey": "GET /iam", "AuthorizationType": "AWS_IAM"},
		"Keyed":  {"RouteKey": "GET /keyed", "AuthorizationType": "CUSTOM", "AuthorizerId": ref("Authorizer")},
	} {
		properties := map[string]any{
			"ApiId": ref("Api"), "Target": map[string]any{"Fn::Join": []any{"/", []any{"integrations", ref("Integration")}}},
		}
		maps.Copy(properties, route)
		r["Route"+name] = resource("AWS::ApiGatewayV2::Route", properties)
	}
	_, out := p.stack(r, map[string]any{"Api": ref("Api")})
	return &gateway{h, "/_aws/execute-api/" + out["Api"] + "/$default"}
}

// ask sends a request to the API.
func (p *prober) ask(g *gateway, method, path string, body []byte, header http.Header) (int, http.Header, string) {
	response, answer, err := p.send("", method, g.base+path, body, header)
	p.must(err)
	return response.StatusCode, response.Header, string(answer)
}

// event sends a request to the API and returns the event that the function got.
func (p *prober) event(g *gateway, method, path string, body []byte, header http.Header) (e event) {
	status, _, text := p.ask(g, method, path, body, header)
	if status != http.StatusOK {
		p.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	p.must(json.Unmarshal([]byte(text), &e))
	return e
}

func apiQuirks() []quirk {
	var g *gateway
	of := func(probe func(p *prober, g *gateway) string) func(p *prober) string {
		return func(p *prober) string {
			if g == nil {
				g = p.gateway()
			}
			return probe(p, g)
		}
	}
	status := func(method, path string, header http.Header) func(p *prober) string {
		return of(func(p *prober, g *gateway) string {
			code, _, _ := p.ask(g, method, path, nil, header)
			return fmt.Sprint(code)
		})
	}
	posted := func(contentType string, encoding string) func(p *prober) string {
		return of(func(p *prober, g *gateway) string {
			var body bytes.Buffer
			packed := gzip.NewWriter(&body)
			_, err := packed.Write([]byte(`{"a":1}`))
			p.must(err)
			p.must(packed.Close())
			header := http.Header{"Content-Type": {contentType}}
			if encoding != "" {
				header.Set("Content-Encoding", encoding)
			}
			e := p.event(g, http.MethodPost, "/open", body.Bytes(), header)
			got, err := base64.StdEncoding.DecodeString(e.Body)
			if e.IsBase64Encoded && err == nil && bytes.Equal(got, body.Bytes()) {
				return "base64, whole"
			}
			return map[bool]string{true: "base64, mangled", false: "text, mangled"}[e.IsBase64Encoded]
		})
	}
	return []quirk{
		{"HTTP API", "payload of a native route", "2.0 /open", "", of(func(p *prober, g *gateway) string {
			e := p.event(g, http.MethodGet, "/open", nil, nil)
			return e.Version + " " + e.RawPath
		})},
		{"HTTP API", "a greedy route", "200", "", status(http.MethodGet, "/v1/views/a/query", nil)},
		{"HTTP API", "a path without a route", "404", "", status(http.MethodGet, "/none", nil)},
		{"HTTP API", "cookies", "[a=1 b=2]", "[]", of(func(p *prober, g *gateway) string {
			return fmt.Sprint(p.event(g, http.MethodGet, "/open", nil, http.Header{"Cookie": {"a=1; b=2"}}).Cookies)
		})},
		{"HTTP API", "gzip as application/octet-stream", "base64, whole", "", posted("application/octet-stream", "")},
		{
			"HTTP API",
			"gzip as application/json with Content-Encoding",
			"base64, whole",
			"text, mangled",
			posted("application/json", "gzip"),
		},
		{
			"HTTP API",
			"gzip as application/x-ndjson with Content-Encoding",
			"base64, whole",
			"",
			posted("application/x-ndjson", "gzip"),
		},
		{
			"HTTP API",
			"gzip as application/cloudevents-batch+json with Content-Encoding",
			"base64, whole",
			"",
			posted("application/cloudevents-batch+json", "gzip"),
		},
		{"HTTP API", "a binary answer", "00ff application/octet-stream", "", of(func(p *prober, g *gateway) string {
			_, header, body := p.ask(g, http.MethodGet, "/binary", nil, nil)
			return fmt.Sprintf("%x %s", body, header.Get("Content-Type"))
		})},
		{"HTTP API", "a function that fails", "500, and nothing of its error", "502, with its error",
			of(func(p *prober, g *gateway) string {
				code, _, body := p.ask(g, http.MethodGet, "/fail", nil, nil)
				if strings.Contains(body, "of my own") {
					return fmt.Sprintf("%d, with its error", code)
				}
				return fmt.Sprintf("%d, and nothing of its error", code)
			})},
		{"HTTP API", "an AWS_IAM route, unsigned", "403", "", status(http.MethodGet, "/iam", nil)},
		{"HTTP API", "an authorizer, no key", "401", "", status(http.MethodGet, "/keyed", nil)},
		{
			"HTTP API",
			"an authorizer that denies",
			"403",
			"",
			status(http.MethodGet, "/keyed", http.Header{"Authorization": {"no"}}),
		},
		{"HTTP API", "an authorizer that allows, with context", "map[scope:write]", "",
			of(func(p *prober, g *gateway) string {
				return fmt.Sprint(
					p.event(g, http.MethodGet, "/keyed", nil, http.Header{"Authorization": {"yes"}}).RequestContext.Authorizer.Lambda,
				)
			})},
		{"HTTP API", "an authorizer's answer is cached", "not called again", "", of(func(p *prober, g *gateway) string {
			before := len(g.seen())
			p.event(g, http.MethodGet, "/keyed", nil, http.Header{"Authorization": {"yes"}})
			if len(g.seen()) == before+1 {
				return "not called again"
			}
			return "called again"
		})},
		{"HTTP API", "a body of 7 MB", "413", "200", of(func(p *prober, g *gateway) string {
			code, _, _ := p.ask(
				g, http.MethodPost, "/open", make([]byte, 7_000_000), http.Header{"Content-Type": {"application/octet-stream"}},
			)
			return fmt.Sprint(code)
		})},
		{"HTTP API", "a route of SAM's Events: HttpApi", "200", "404", func(p *prober) string {
			bucket, key := p.uploaded()
			_, function := p.proxied(answerAPI)
			name := p.name()
			status, out := p.deploy(name, map[string]any{
				"Transform": "AWS::Serverless-2016-10-31",
				"Resources": resources{"F": map[string]any{"Type": "AWS::Serverless::Function", "Properties": map[string]any{
					"Runtime": "provided.al2023", "Handler": "bootstrap", "CodeUri": map[string]any{"Bucket": bucket, "Key": key},
					"Environment": map[string]any{"Variables": p.environment(function)},
					"Events": map[string]any{
						"Get": map[string]any{"Type": "HttpApi", "Properties": map[string]any{"Path": "/open", "Method": "GET"}},
					},
				}}},
				"Outputs": map[string]any{"Api": map[string]any{"Value": ref("ServerlessHttpApi")}},
			}, false)
			if status != "CREATE_COMPLETE" {
				return status
			}
			code, _, _ := p.ask(
				&gateway{base: "/_aws/execute-api/" + out["Api"] + "/$default"}, http.MethodGet, "/open", nil, nil,
			)
			return fmt.Sprint(code)
		}},
	}
}

// environment returns the environment of a function.
func (p *prober) environment(function string) map[string]string {
	var configuration struct {
		Environment struct{ Variables map[string]string }
	}
	p.call("lambda", http.MethodGet, functions+"/"+function+"/configuration", nil, &configuration)
	return configuration.Environment.Variables
}

// storage returns resources with the properties that a template for real data has.
func storage(deletionProtection bool) resources {
	return resources{
		"Table": resource("AWS::DynamoDB::Table", map[string]any{
			"BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": deletionProtection,
			"AttributeDefinitions": []any{
				map[string]any{"AttributeName": "pk", "AttributeType": "B"},
				map[string]any{"AttributeName": "sk", "AttributeType": "B"},
			},
			"KeySchema": []any{
				map[string]any{"AttributeName": "pk", "KeyType": "HASH"}, map[string]any{"AttributeName": "sk", "KeyType": "RANGE"},
			},
			"TimeToLiveSpecification":          map[string]any{"AttributeName": "expires", "Enabled": true},
			"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
			"SSESpecification":                 map[string]any{"SSEEnabled": true},
		}),
		"Bucket": resource("AWS::S3::Bucket", map[string]any{
			"VersioningConfiguration": map[string]any{"Status": "Enabled"},
			"PublicAccessBlockConfiguration": map[string]any{
				"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
			},
			"BucketEncryption": map[string]any{
				"ServerSideEncryptionConfiguration": []any{
					map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "aws:kms"}},
				},
			},
		}),
		"Stream": resource("AWS::Kinesis::Stream", map[string]any{
			"ShardCount":           2,
			"RetentionPeriodHours": 72,
			"StreamEncryption":     map[string]any{"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
		}),
		"Dead": resource("AWS::SQS::Queue", map[string]any{}),
		"Queue": resource(
			"AWS::SQS::Queue",
			map[string]any{
				"VisibilityTimeout": 60,
				"RedrivePolicy":     map[string]any{"deadLetterTargetArn": attribute("Dead", "Arn"), "maxReceiveCount": 5},
			},
		),
		"Secret": resource(
			"AWS::SecretsManager::Secret",
			map[string]any{"GenerateSecretString": map[string]any{"PasswordLength": 43, "ExcludePunctuation": true}},
		),
		"Logs": resource("AWS::Logs::LogGroup", map[string]any{"LogGroupName": "/probe/logs", "RetentionInDays": 30}),
	}
}

func templateQuirks() []quirk {
	var (
		name string
		out  map[string]string
	)
	of := func(probe func(p *prober) string) func(p *prober) string {
		return func(p *prober) string {
			if out == nil {
				name, out = p.stack(storage(false), map[string]any{
					"Table": ref("Table"), "Bucket": ref("Bucket"), "Stream": ref("Stream"), "Queue": ref("Queue"),
					"Secret": ref("Secret"),
				})
			}
			return probe(p)
		}
	}
	described := func(p *prober) *dynamodb.DescribeTableOutput {
		d, err := dynamodb.NewFromConfig(p.cfg).DescribeTable(
			p.ctx, &dynamodb.DescribeTableInput{TableName: aws.String(out["Table"])},
		)
		p.must(err)
		return d
	}
	attributes := func(p *prober) map[string]string {
		a, err := sqs.NewFromConfig(p.cfg).GetQueueAttributes(p.ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(out["Queue"]), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
		})
		p.must(err)
		return a.Attributes
	}
	single := func(kind string, properties map[string]any) func(p *prober) string {
		return func(p *prober) string {
			status, _ := p.deploy(p.name(), map[string]any{"Resources": resources{"R": resource(kind, properties)}}, false)
			return status
		}
	}
	const created = "CREATE_COMPLETE"
	return []quirk{
		{"template", "table: TTL", "ENABLED expires", "DISABLED", of(func(p *prober) string {
			d, err := dynamodb.NewFromConfig(p.cfg).DescribeTimeToLive(
				p.ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(out["Table"])},
			)
			p.must(err)
			return strings.TrimSpace(
				fmt.Sprintf("%s %s", d.TimeToLiveDescription.TimeToLiveStatus, aws.ToString(d.TimeToLiveDescription.AttributeName)),
			)
		})},
		{"template", "table: point-in-time recovery", "ENABLED", "DISABLED", of(func(p *prober) string {
			d, err := dynamodb.NewFromConfig(p.cfg).DescribeContinuousBackups(
				p.ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: aws.String(out["Table"])},
			)
			p.must(err)
			if d.ContinuousBackupsDescription.PointInTimeRecoveryDescription == nil {
				return "dropped"
			}
			return string(d.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus)
		})},
		{"template", "table: encryption", "ENABLED", "dropped", of(func(p *prober) string {
			if sse := described(p).Table.SSEDescription; sse != nil {
				return string(sse.Status)
			}
			return "dropped"
		})},
		{"template", "bucket: versioning", "Enabled", "", of(func(p *prober) string {
			v, err := s3.NewFromConfig(p.cfg).GetBucketVersioning(
				p.ctx, &s3.GetBucketVersioningInput{Bucket: aws.String(out["Bucket"])},
			)
			p.must(err)
			return string(v.Status)
		})},
		{"template", "bucket: public access block", "OK", "", of(func(p *prober) string {
			_, err := s3.NewFromConfig(p.cfg).GetPublicAccessBlock(
				p.ctx, &s3.GetPublicAccessBlockInput{Bucket: aws.String(out["Bucket"])},
			)
			return code(err)
		})},
		{"template", "bucket: encryption", "OK", "", of(func(p *prober) string {
			_, err := s3.NewFromConfig(p.cfg).GetBucketEncryption(
				p.ctx, &s3.GetBucketEncryptionInput{Bucket: aws.String(out["Bucket"])},
			)
			return code(err)
		})},
		{"template", "stream: shards, retention, encryption", "2 72 KMS", "2 72 NONE", of(func(p *prober) string {
			d, err := kinesis.NewFromConfig(p.cfg).DescribeStreamSummary(
				p.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(out["Stream"])},
			)
			p.must(err)
			s := d.StreamDescriptionSummary
			return fmt.Sprintf("%d %d %s", aws.ToInt32(s.OpenShardCount), aws.ToInt32(s.RetentionPeriodHours), s.EncryptionType)
		})},
		{
			"template",
			"queue: visibility time-out",
			"60",
			"",
			of(func(p *prober) string { return attributes(p)["VisibilityTimeout"] }),
		},
		{"template", "queue: redrive policy", "kept", "", of(func(p *prober) string {
			if attributes(p)["RedrivePolicy"] == "" {
				return "dropped"
			}
			return "kept"
		})},
		{"template", "secret: generated", "43 characters", "", of(func(p *prober) string {
			s, err := secretsmanager.NewFromConfig(p.cfg).GetSecretValue(
				p.ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(out["Secret"])},
			)
			p.must(err)
			return fmt.Sprintf("%d characters", len(aws.ToString(s.SecretString)))
		})},
		{"template", "log group: retention", "30", "", of(func(p *prober) string {
			response, body, err := p.send("logs", http.MethodPost, "/", []byte(`{"logGroupNamePrefix":"/probe/logs"}`),
				http.Header{"X-Amz-Target": {"Logs_20140328.DescribeLogGroups"}, "Content-Type": {"application/x-amz-json-1.1"}})
			p.must(err)
			var groups struct {
				LogGroups []struct {
					RetentionInDays int `json:"retentionInDays"`
				} `json:"logGroups"`
			}
			if response.StatusCode != http.StatusOK || json.Unmarshal(body, &groups) != nil || len(groups.LogGroups) != 1 {
				return string(body)
			}
			return fmt.Sprint(groups.LogGroups[0].RetentionInDays)
		})},
		{"template", "an update that changes only DeletionProtectionEnabled", "the table keeps its item", "",
			of(func(p *prober) string {
				c := dynamodb.NewFromConfig(p.cfg)
				items := table.Table{Client: c, Name: out["Table"]}
				p.must(items.Replace(p.ctx, binaryKey(1)))
				status, after := p.deploy(
					name,
					map[string]any{
						"Resources": storage(true), "Outputs": map[string]any{"Table": map[string]any{"Value": ref("Table")}},
					},
					true,
				)
				if status != "UPDATE_COMPLETE" {
					return status
				}
				items.Name = after["Table"]
				if item, err := items.Get(p.ctx, binaryKey(1)); err != nil || item == nil {
					return "it is emptied"
				}
				return "the table keeps its item"
			})},
		{"template", "a nested stack", "its output", "", func(p *prober) string {
			inner, err := json.Marshal(map[string]any{
				"Resources": resources{"Queue": resource("AWS::SQS::Queue", map[string]any{"QueueName": "nested-queue"})},
				"Outputs":   map[string]any{"Name": map[string]any{"Value": attribute("Queue", "QueueName")}},
			})
			p.must(err)
			bucket := p.name()
			_, err = awstest.Bucket(p, p.cfg, bucket).PutObject(
				p.ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("inner.json"), Body: bytes.NewReader(inner)},
			)
			p.must(err)
			status, out := p.deploy(p.name(), map[string]any{
				"Resources": resources{
					"Inner": resource(
						"AWS::CloudFormation::Stack", map[string]any{"TemplateURL": p.endpoint + "/" + bucket + "/inner.json"},
					),
				},
				"Outputs": map[string]any{"Name": map[string]any{"Value": attribute("Inner", "Outputs.Name")}},
			}, false)
			if status == created && out["Name"] == "nested-queue" {
				return "its output"
			}
			return fmt.Sprintf("%s %q", status, out["Name"])
		}},
		{"template", "SAM: a parameter in a property", "reaches the function", "", func(p *prober) string {
			bucket, key := p.uploaded()
			status, out := p.deploy(p.name(), map[string]any{
				"Transform":  "AWS::Serverless-2016-10-31",
				"Parameters": map[string]any{"Word": map[string]any{"Type": "String", "Default": "reached"}},
				"Resources": resources{"F": map[string]any{"Type": "AWS::Serverless::Function", "Properties": map[string]any{
					"Runtime": "provided.al2023", "Handler": "bootstrap", "CodeUri": map[string]any{"Bucket": bucket, "Key": key},
					"Environment": map[string]any{"Variables": map[string]any{"WORD": ref("Word")}},
				}}},
				"Outputs": map[string]any{"Name": map[string]any{"Value": ref("F")}},
			}, false)
			if status == created && p.environment(out["Name"])["WORD"] == "reached" {
				return "reaches the function"
			}
			return status
		}},
		{"template", "function: ReservedConcurrentExecutions", "2", "0", func(p *prober) string {
			bucket, key := p.uploaded()
			_, out := p.stack(resources{"F": resource("AWS::Lambda::Function", map[string]any{
				"Runtime": "provided.al2023", "Handler": "bootstrap", "Role": "arn:aws:iam::000000000000:role/any",
				"Code": map[string]any{"S3Bucket": bucket, "S3Key": key}, "ReservedConcurrentExecutions": 2,
			})}, map[string]any{"Name": ref("F")})
			var concurrency struct{ ReservedConcurrentExecutions int }
			p.call("lambda", http.MethodGet, "/2019-09-30/functions/"+out["Name"]+"/concurrency", nil, &concurrency)
			return fmt.Sprint(concurrency.ReservedConcurrentExecutions)
		}},
		{"template", "a secret resolved by {{resolve:secretsmanager:...}}", "its value", "", func(p *prober) string {
			_, err := secretsmanager.NewFromConfig(p.cfg).CreateSecret(
				p.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("probe-secret"), SecretString: aws.String("resolved")},
			)
			p.must(err)
			_, out := p.stack(
				resources{
					"Queue": resource("AWS::SQS::Queue", map[string]any{"QueueName": "{{resolve:secretsmanager:probe-secret}}"}),
				},
				map[string]any{"Name": attribute("Queue", "QueueName")},
			)
			if out["Name"] == "resolved" {
				return "its value"
			}
			return out["Name"]
		}},
		{"template", "AWS::Scheduler::Schedule", created, "", single("AWS::Scheduler::Schedule", map[string]any{
			"ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": map[string]any{"Mode": "OFF"}, "State": "DISABLED",
			"Target": map[string]any{
				"Arn": "arn:aws:lambda:us-east-1:000000000000:function:none", "RoleArn": "arn:aws:iam::000000000000:role/any",
			},
		})},
		{"template", "AWS::CloudWatch::Alarm with metric math", created, "ROLLBACK_COMPLETE",
			single("AWS::CloudWatch::Alarm", map[string]any{
				"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1,
				"Metrics": []any{
					map[string]any{
						"Id":         "a",
						"ReturnData": false,
						"MetricStat": map[string]any{
							"Metric": map[string]any{"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum",
						},
					},
					map[string]any{"Id": "b", "Expression": "a*2"},
				},
			})},
		{
			"template",
			"AWS::CloudWatch::CompositeAlarm",
			created,
			"ValidationError",
			single("AWS::CloudWatch::CompositeAlarm", map[string]any{"AlarmName": "probe", "AlarmRule": "FALSE"}),
		},
		{
			"template",
			"AWS::CloudWatch::Dashboard",
			created,
			"",
			single("AWS::CloudWatch::Dashboard", map[string]any{"DashboardBody": "{}"}),
		},
		{"template", "AWS::Logs::MetricFilter", created, "", single("AWS::Logs::MetricFilter", map[string]any{
			"LogGroupName":          "/probe/logs",
			"FilterPattern":         "",
			"MetricTransformations": []any{map[string]any{"MetricName": "M", "MetricNamespace": "N", "MetricValue": "1"}},
		})},
		{"template", "AWS::Lambda::EventInvokeConfig", created, "", func(p *prober) string {
			_, function := p.proxied(always(http.StatusOK, `{}`))
			return single(
				"AWS::Lambda::EventInvokeConfig",
				map[string]any{"FunctionName": function, "Qualifier": "$LATEST", "MaximumRetryAttempts": 0},
			)(p)
		}},
		{"template", "AWS::S3::BucketPolicy", created, "", func(p *prober) string {
			bucket := p.name()
			awstest.Bucket(p, p.cfg, bucket)
			return single(
				"AWS::S3::BucketPolicy",
				map[string]any{"Bucket": bucket, "PolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{}}},
			)(p)
		}},
		{"Scheduler", "a schedule, at a time, with Input", `calls within 20 s: {"end":"now"}`, "", func(p *prober) string {
			h, function := p.proxied(always(http.StatusOK, `{}`))
			p.stack(resources{"R": resource("AWS::Scheduler::Schedule", map[string]any{
				"ScheduleExpression": "at(" + time.Now().UTC().Format("2006-01-02T15:04:05") + ")",
				"FlexibleTimeWindow": map[string]any{"Mode": "OFF"},
				"Target": map[string]any{
					"Arn":     "arn:aws:lambda:us-east-1:000000000000:function:" + function,
					"RoleArn": "arn:aws:iam::000000000000:role/any",
					"Input":   `{"end":"now"}`,
				},
			})}, nil)
			if !eventually(p, true, 20*time.Second, func() bool { return len(h.seen()) > 0 }) {
				return "does not call within 20 s"
			}
			return "calls within 20 s: " + strings.ReplaceAll(h.seen()[0].body, " ", "")
		}},
		{"Scheduler", "<aws.scheduler.scheduled-time> in Input", "a time", "not replaced", func(p *prober) string {
			h, function := p.proxied(always(http.StatusOK, `{}`))
			p.stack(resources{"R": resource("AWS::Scheduler::Schedule", map[string]any{
				"ScheduleExpression": "at(" + time.Now().UTC().Format("2006-01-02T15:04:05") + ")",
				"FlexibleTimeWindow": map[string]any{"Mode": "OFF"},
				"Target": map[string]any{
					"Arn":     "arn:aws:lambda:us-east-1:000000000000:function:" + function,
					"RoleArn": "arn:aws:iam::000000000000:role/any",
					"Input":   `{"at":"<aws.scheduler.scheduled-time>"}`,
				},
			})}, nil)
			if !eventually(p, true, 20*time.Second, func() bool { return len(h.seen()) > 0 }) {
				return "does not call within 20 s"
			}
			if slices.ContainsFunc(h.seen(), func(c call) bool { return strings.Contains(c.body, "aws.scheduler") }) {
				return "not replaced"
			}
			return "a time"
		}},
	}
}
