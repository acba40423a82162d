package infra_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/infra/deployment"
	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/setting"
)

// TestFunctions checks that the template deploys every function that `make functions` builds, that is every folder
// below functions/, and that each has an output and a log. Those that requests invoke have versions behind an alias.
func TestFunctions(t *testing.T) {
	app := application(t)
	for name, wanted := range map[string]string{
		"Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": "[!Ref Architecture]",
		"LoggingConfig": "{ApplicationLogLevel: DEBUG, LogFormat: JSON, SystemLogLevel: WARN}",
		"Environment":   "{Variables: {LOG_LEVEL: !Ref LogLevel}}",
	} {
		want(t, name, at(app.root, "Globals", "Function", name), wanted)
	}
	want(t, "architecture by default", app.parameter("Architecture")["Default"], "arm64")
	mains, err := filepath.Glob("../functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	built := map[string]bool{}
	for _, main := range mains {
		built[filepath.Base(filepath.Dir(main))] = true
	}
	for _, r := range app.resources("AWS::Serverless::Function") {
		name := strings.ToLower(strings.TrimSuffix(r.name, "Function"))
		if !built[name] {
			t.Errorf("%s has no folder functions/%s", r.name, name)
		}
		delete(built, name)
		want(t, r.name+": output", at(app.root, "Outputs", r.name, "Value"), "!Ref "+r.name)
		want(t, r.name+": code", r.property("CodeUri"), "build/"+name+"/")
		want(t, r.name+": is built already", at(r.object, "Metadata", "SkipBuild"), "true")
		want(t, r.name+": name", r.property("FunctionName"), "!Sub ${AWS::StackName}-"+name)
		want(t, r.name+": log", r.property("LoggingConfig"), "{LogGroup: !Ref "+large(name)+"Log"+systemLog(r.name)+"}")
		want(
			t, r.name+": name of the log", app.resource(large(name)+"Log").property("LogGroupName"),
			"!Sub /aws/lambda/${AWS::StackName}-"+name,
		)
		// SAM would make roles and permissions from these that are wider than ours.
		for _, property := range []string{"Policies", "Events", "Connectors", "VpcConfig"} {
			if r.property(property) != nil {
				t.Errorf("%s has the property %s", r.name, property)
			}
		}
		alias, all := "<nil>", "<nil>"
		if slices.Contains(deployment.Published(), name) {
			alias, all = "live", "true"
		}
		want(t, r.name+": alias", r.property("AutoPublishAlias"), alias)
		want(t, r.name+": versions", r.property("AutoPublishAliasAllProperties"), all)
	}
	for name := range built {
		t.Errorf("functions/%s is not in the template", name)
	}
}

// systemLog returns what a function's log adds to the level that all functions have. Memory limits these functions, and
// Lambda reports at INFO how much of it they use. The others serve too many requests for a report each.
func systemLog(function string) string {
	if slices.Contains([]string{"SpeedFunction", "BatchFunction", "ReplayFunction", "AuditFunction"}, function) {
		return ", SystemLogLevel: INFO"
	}
	return ""
}

// TestMainsAreShort checks that a main says in at most 40 lines what its function consists of. Its folder holds nothing
// else, apart from an adapter with one function.
func TestMainsAreShort(t *testing.T) {
	files, err := filepath.Glob("../functions/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(body, []byte("\n"))
		switch {
		case strings.HasSuffix(name, "_test.go"), name == "../functions/authorizer/secret.go":
		case filepath.Base(name) != "main.go":
			t.Errorf("%s: what functions share belongs to shared/aws/launch, and what one handler does to its package", name)
		case lines > 40:
			t.Errorf("%s has %d lines, want at most 40", name, lines)
		}
	}
}

// TestIngestIsSmall checks that ingest does not link the code that runs views. A client waits while ingest starts.
func TestIngestIsSmall(t *testing.T) {
	listed, err := list([]string{"./functions/ingest"})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listed {
		if strings.Contains(l.ImportPath, "cel-go") || l.ImportPath == module+"shared/view" {
			t.Errorf("functions/ingest links %s", l.ImportPath)
		}
	}
}

// TestTimes checks the time-outs. A function answers before the gateway gives up, which is after 30 s, or 10 s for an
// authorizer. Ingest publishes no longer than the sweep assumes. Queries end before items are deleted. No invocation
// runs longer than the life of seen items allows.
func TestTimes(t *testing.T) {
	app, settings := application(t), setting.Default()
	answers := min(29, int(settings.DropGrace.Seconds()))
	publishes, longest := int(settings.PublishTime.Seconds()), int(settings.LongestInvocation.Seconds())
	for name, most := range map[string]int{
		"ingest": min(29, publishes), "query": answers, "mcp": answers,
		"prometheus": answers, "admin": answers, "authorizer": 9,
		"batch": longest, "speed": longest, "republish": longest, "replay": longest, "audit": longest,
	} {
		if got := number(t, app.resource(large(name)+"Function").property("Timeout")); got > most {
			t.Errorf("%s has a time-out of %d s; maximum is %d", name, got, most)
		}
	}
	for _, r := range app.resources("AWS::ApiGatewayV2::Integration") {
		want(t, r.name+": time", r.property("TimeoutInMillis"), "30000")
	}
}

// TestLogs checks that every log expires.
func TestLogs(t *testing.T) {
	app := application(t)
	for _, r := range app.resources("AWS::Logs::LogGroup") {
		want(t, r.name+": retention", r.property("RetentionInDays"), "!Ref LogRetention")
	}
	want(t, "retention by default", app.parameter("LogRetention")["Default"], "30")
	stage := app.resource("ApiStage")
	want(t, "access log", stage.property("AccessLogSettings", "DestinationArn"), "!GetAtt ApiLog.Arn")
	format := text(stage.property("AccessLogSettings", "Format"))
	for _, asked := range []string{"path", "querystring", "sourceIp", "userAgent", "domainName"} {
		if strings.Contains(format, asked) {
			t.Errorf("the access log shows %s: %s", asked, format)
		}
	}
}

// TestEveryRouteHasAnAuthorizer checks that the routes are those of shared/api, each with the function that serves it.
// Only the routes that the table opens to anyone are open, with keys and with tokens.
func TestEveryRouteHasAnAuthorizer(t *testing.T) {
	app, left := application(t), map[string]api.Route{}
	for _, r := range api.Routes() {
		left[string(r.Key)] = r
	}
	for _, r := range app.resources("AWS::ApiGatewayV2::Route") {
		key := text(r.property("RouteKey"))
		wanted, ok := left[key]
		if !ok {
			t.Errorf("route %s is not in the table of shared/api", key)
			continue
		}
		delete(left, key)
		want(t, key+": target", r.property("Target"), "!Sub integrations/${"+large(string(wanted.Function))+"Integration}")
		if wanted.Scope == access.Anyone {
			want(t, key+": authorization", r.property("AuthorizationType"), "NONE")
			want(t, key+": authorizer", r.property("AuthorizerId"), "<nil>")
			continue
		}
		want(t, key+": authorization", r.property("AuthorizationType"), "{Fn::If: [UseJwt, JWT, CUSTOM]}")
		want(t, key+": authorizer", r.property("AuthorizerId"), "{Fn::If: [UseJwt, !Ref JwtAuthorizer, !Ref KeyAuthorizer]}")
		scopes := "anabranch/admin"
		if wanted.Scope != access.Admin {
			scopes = "anabranch/" + string(wanted.Scope) + ", " + scopes
		}
		want(t, key+": scopes", r.property("AuthorizationScopes"), "{Fn::If: [UseJwt, ["+scopes+"], !Ref AWS::NoValue]}")
	}
	if len(left) > 0 {
		t.Errorf("the template has no routes %v, which are in the table of shared/api", left)
	}
	want(t, "condition UseJwt", at(app.root, "Conditions", "UseJwt"), "{Fn::Not: [{Fn::Equals: [!Ref JwtIssuer, ]}]}")
	want(t, "keys by default", app.parameter("JwtIssuer")["Default"], "")
	for _, r := range app.resources("") {
		switch r.kind() {
		case "AWS::Lambda::Url", "AWS::Serverless::HttpApi", "AWS::Serverless::Api":
			t.Errorf("%s is another way to call the API", r.name)
		}
	}
}

// TestAuthorizers checks that the gateway refuses a request without a key, and that it caches the scope of a key for
// each route.
func TestAuthorizers(t *testing.T) {
	app := application(t)
	keys := app.resource("KeyAuthorizer")
	want(t, "identity", keys.property("IdentitySource"), "[!Sub $request.header.${KeyHeader}, $context.routeKey]")
	want(t, "kind", keys.property("AuthorizerType"), "REQUEST")
	want(t, "format", keys.property("AuthorizerPayloadFormatVersion"), "2.0")
	want(t, "answer", keys.property("EnableSimpleResponses"), "true")
	if n := number(t, keys.property("AuthorizerResultTtlInSeconds")); n > 60 {
		t.Errorf("the gateway caches answers for %d s; functions/authorizer requires 60 s", n)
	}
	want(t, "function", keys.property("AuthorizerUri", "Fn::Sub"), "[arn:${AWS::Partition}:apigateway:${AWS::Region}:"+
		"lambda:path/2015-03-31/functions/${Function}/invocations, {Function: !Ref AuthorizerFunction.Alias}]")
	tokens := app.resource("JwtAuthorizer")
	want(t, "tokens", tokens.object["Condition"], "UseJwt")
	want(t, "issuer", tokens.property("JwtConfiguration"), "{Audience: [!Ref JwtAudience], Issuer: !Ref JwtIssuer}")
	for _, r := range app.resources("AWS::ApiGatewayV2::Integration") {
		want(t, r.name+": format", r.property("PayloadFormatVersion"), "2.0")
		want(t, r.name+": kind", r.property("IntegrationType"), "AWS_PROXY")
		want(t, r.name+": function", r.property("IntegrationUri"),
			"!Ref "+strings.TrimSuffix(r.name, "Integration")+"Function.Alias")
	}
}

// TestPermissions checks that only our API may invoke a function, and only for the routes that the function serves.
func TestPermissions(t *testing.T) {
	const arn = "!Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/"
	wanted := map[string]string{
		"IngestPermission": "*/POST/v1/events", "QueryPermission": "*/GET/v1/views*", "HealthPermission": "*/GET/health",
		"OpenapiPermission": "*/GET/openapi.json", "PagePermission": "*/GET/", "PageFilePermission": "*/GET/page/*",
		"McpPermission":        "*/*/mcp",
		"PrometheusPermission": "*/*/prometheus/api/v1/*",
		"AdminPermission":      "*/*/v1/admin/*", "AuthorizerPermission": "authorizers/${KeyAuthorizer}",
	}
	sources := map[string][]string{} // of what the gateway may call, by function
	for _, r := range application(t).resources("AWS::Lambda::Permission") {
		want(t, r.name+": source", r.property("SourceArn"), arn+wanted[r.name])
		want(t, r.name+": principal", r.property("Principal"), "apigateway.amazonaws.com")
		want(t, r.name+": action", r.property("Action"), "lambda:InvokeFunction")
		function := text(r.property("FunctionName"))
		sources[function] = append(sources[function], wanted[r.name])
		delete(wanted, r.name)
	}
	for _, r := range api.Routes() {
		of := sources["!Ref "+large(string(r.Function))+"Function.Alias"]
		if !slices.ContainsFunc(of, func(source string) bool { return allows(source, r.Key) }) {
			t.Errorf("the gateway may not call %s for %s: the permissions are for %q", r.Function, r.Key, of)
		}
	}
	if len(wanted) > 0 {
		t.Errorf("permissions %v are missing", wanted)
	}
}

// TestPages checks that the gateway admits pages of other origins only if the parameter names them, and that it tells a
// browser what shared/api tells it.
func TestPages(t *testing.T) {
	app := application(t)
	listed := func(text string) string { return "[" + text + "]" }
	want(t, "pages", app.resource("Api").property("CorsConfiguration"), "{Fn::If: [AllowsPages, "+
		"{AllowHeaders: "+listed(api.CORSHeaders)+", AllowMethods: "+listed(api.CORSMethods)+
		", AllowOrigins: {Fn::Split: [,, !Ref CorsOrigins]}, ExposeHeaders: "+listed(api.CORSExposed)+
		", MaxAge: "+api.CORSMaxAge+"}, !Ref AWS::NoValue]}")
	want(t, "condition", at(app.root, "Conditions", "AllowsPages"), "{Fn::Not: [{Fn::Equals: [!Ref CorsOrigins, ]}]}")
	want(t, "no page by default", app.parameter("CorsOrigins")["Default"], "")
	pattern := regexp.MustCompile(text(app.parameter("CorsOrigins")["AllowedPattern"]))
	for _, origins := range []string{
		"", "*", "https://a.example", "http://localhost:3000", "https://a.example,https://b.example", "http://[::1]:8080",
		"a.example", "https://a.example/", "https://a.example/app", "*,https://a.example", "https://*.example",
		"ftp://a.example", "https://a.example, https://b.example", "https://", "null", ",", "https://a.example,",
	} {
		_, err := api.ParseOrigins(strings.Split(origins, ","))
		strict := err == nil && !strings.Contains(origins, " ") && !strings.HasSuffix(origins, ",") &&
			(origins == "*" || !strings.Contains(origins, "*")) // CloudFormation splits the text and leaves nothing out
		if pattern.MatchString(origins) != strict {
			t.Errorf("CorsOrigins=%q: the template takes it: %v; shared/api says %v", origins, !strict, err)
		}
	}
}

// TestBounds checks that requests have a rate and a burst, and that each function that a request invokes may get a
// concurrency of its own. By default it shares the account's, because AWS refuses to reserve concurrency that a new
// account does not have.
func TestBounds(t *testing.T) {
	app := application(t)
	want(t, "throttling", app.resource("ApiStage").property("DefaultRouteSettings"),
		"{ThrottlingBurstLimit: !Ref RequestBurst, ThrottlingRateLimit: !Ref RequestRate}")
	want(t, "rate", app.parameter("RequestRate")["Default"], "100")
	want(t, "burst", app.parameter("RequestBurst")["Default"], "200")
	invoked := map[string]bool{"Authorizer": true}
	for _, r := range api.Routes() {
		invoked[large(string(r.Function))] = true
	}
	for _, r := range app.resources("AWS::Serverless::Function") {
		name := strings.TrimSuffix(r.name, "Function")
		if !invoked[name] {
			want(t, r.name+": concurrency", r.property("ReservedConcurrentExecutions"), "<nil>")
			continue
		}
		want(t, r.name+": concurrency", r.property("ReservedConcurrentExecutions"),
			"{Fn::If: [Limits"+name+", !Ref "+name+"Concurrency, !Ref AWS::NoValue]}")
		want(t, name+": condition", at(app.root, "Conditions", "Limits"+name),
			"{Fn::Not: [{Fn::Equals: [!Ref "+name+"Concurrency, -1]}]}")
		want(t, name+": by default", app.parameter(name + "Concurrency")["Default"], "-1")
	}
}

// allows reports whether a permission for a part of the API, for example "*/GET/v1/views*", covers a route. A star
// stands for any text.
//
// Source: API Gateway Developer Guide, execute-api ARN of an HTTP API: stage, method, path.
func allows(source string, key api.Key) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(source), `\*`, ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString("$default/" + key.Method() + key.Pattern())
}

// TestKeysAreRandom checks that the secret holds three keys of 32 letters and digits, as functions/authorizer expects.
func TestKeysAreRandom(t *testing.T) {
	r := application(t).resource("KeysSecret")
	want(t, "length", r.property("GenerateSecretString", "PasswordLength"), "96")
	want(t, "member", r.property("GenerateSecretString", "GenerateStringKey"), "keys")
	want(t, "punctuation", r.property("GenerateSecretString", "ExcludePunctuation"), "true")
	excluded := text(r.property("GenerateSecretString", "ExcludeCharacters"))
	for c := byte('!'); c <= '~'; c++ {
		letter := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if letter == strings.Contains(excluded, string(c)) {
			t.Errorf("character %q is excluded: %v", c, letter)
		}
	}
}

// TestOutputs checks the outputs that users of the stack need.
func TestOutputs(t *testing.T) {
	outputs := application(t).root["Outputs"].(object)
	for name, wanted := range map[string]string{
		"ApiUrl": "!GetAtt Api.ApiEndpoint", "KeysSecretArn": "!GetAtt KeysSecret.Id",
	} {
		want(t, name, at(outputs, name, "Value"), wanted)
	}
	for _, name := range functionNames() {
		want(t, name, at(outputs, large(name)+"Function", "Value"), "!Ref "+large(name)+"Function")
	}
	names := []string{
		"ArchiveBucket",
		"FailureBucket",
		"CatalogTable",
		"BaseTable",
		"SpeedTable",
		"SeenTable",
		"StreamName",
		"RepublishQueue",
	}
	for name := range outputs {
		if i := slices.Index(names, name); i >= 0 {
			names = slices.Delete(names, i, i+1)
		}
	}
	if len(names) > 0 {
		t.Errorf("outputs %v are missing", names)
	}
}
