package dev_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/anabranch/anabranch/localstack/sample"
)

const grafana = "../../../infra/grafana/"

// dashboard is what the tests read of a dashboard.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Panels []struct {
		Title      string
		Datasource struct{ Type, UID string }
		Targets    []struct {
			Expr, RefID string
			Instant     bool
		}
	}
}

// chosen are values of the dashboards' variables, and of those of Grafana itself.
var chosen = strings.NewReplacer("${view}", "page_views", "$view", "page_views", "${metric}", "page_views_views",
	"$metric", "page_views_views", "$top", "10", "$__range", "30d")

// TestDashboards checks that every expression of the dashboards, and every question for the values of a variable, is
// answered by a server with the sample, and has samples.
func TestDashboards(t *testing.T) {
	server, _ := open(t, settings(t, t.TempDir()))
	postAll(t, server, lines(t), 500)
	wait(t, server, "every event to be exact", func(a sample.Answer) bool { return complete(a) && a.Exact() })
	files, err := filepath.Glob(grafana + "dashboards/*.json")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	ids := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil || d.UID == "" || ids[d.UID] {
			t.Fatalf("%s: uid %q, %v", file, d.UID, err)
		}
		ids[d.UID] = true
		checkVariables(t, server, d)
		for _, p := range d.Panels {
			if p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
				t.Errorf("%s, %s: data source %+v, %d targets", d.Title, p.Title, p.Datasource, len(p.Targets))
			}
			for _, target := range p.Targets {
				checkExpression(t, server, d.Title+", "+p.Title, chosen.Replace(target.Expr), target.Instant)
			}
		}
	}
}

// checkExpression asks for an expression as Grafana does: at an instant, or over a range.
func checkExpression(t *testing.T, server sample.Server, place, expr string, instant bool) {
	t.Helper()
	if strings.Contains(expr, "$") {
		t.Errorf("%s: %s has a variable that the test does not know", place, expr)
	}
	const end = "2015-05-21T00:00:00Z"
	endpoint, parameters := "query", url.Values{"query": {expr}}
	switch {
	case !instant:
		endpoint = "query_range"
		parameters.Set("start", "2015-05-17T00:00:00Z")
		parameters.Set("end", end)
		parameters.Set("step", "15m")
	case !strings.Contains(expr, "anabranch_"): // what views are like, they are like now
		parameters.Set("time", end)
	}
	var answer struct {
		Data  struct{ Result []json.RawMessage }
		Error string
	}
	status := form(t, server, endpoint, parameters, &answer)
	isLive := strings.HasSuffix(expr, "== 0)") // all rows of the sample are exact by now
	if status != http.StatusOK || len(answer.Data.Result) == 0 && !isLive {
		t.Errorf("%s: %s: %d %s, %d series", place, expr, status, answer.Error, len(answer.Data.Result))
	}
}

// form posts a form, as Grafana does, and decodes the answer.
func form(t *testing.T, server sample.Server, endpoint string, parameters url.Values, to any) int {
	t.Helper()
	response, err := http.PostForm(server.URL+"/prometheus/api/v1/"+endpoint, parameters)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(to); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

// checkVariables asks for the values of the variables that are questions.
func checkVariables(t *testing.T, server sample.Server, d dashboard) {
	t.Helper()
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		var query struct{ Query string }
		if err := json.Unmarshal(v.Query, &query); err != nil {
			t.Fatal(err)
		}
		parts := labelValues.FindStringSubmatch(chosen.Replace(query.Query))
		if parts == nil {
			t.Errorf("%s: %s asks for no values of a label", d.Title, query.Query)
			continue
		}
		response, err := http.Get(server.URL + "/prometheus/api/v1/label/" + parts[2] + "/values?" +
			url.Values{"match[]": {parts[1]}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Data []string }
		err = json.NewDecoder(response.Body).Decode(&answer)
		_ = response.Body.Close() // it was read
		if got := fmt.Sprint(answer.Data); err != nil || !strings.Contains(got, "page_views") ||
			strings.Contains(got, "_exact") {
			t.Errorf("%s: %s: %s, %v", d.Title, v.Name, got, err)
		}
	}
}

// TestProvisioning checks that the data source is Grafana's own one, with the address and the key from the environment,
// and that the dashboards find it.
func TestProvisioning(t *testing.T) {
	text, err := os.ReadFile(grafana + "provisioning/datasources/anabranch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Datasources []struct {
			UID, Type, URL string
			JSONData       map[string]any    `yaml:"jsonData"`
			Secure         map[string]string `yaml:"secureJsonData"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil || len(file.Datasources) != 1 {
		t.Fatal(file, err)
	}
	s := file.Datasources[0]
	if s.UID != "anabranch" || s.Type != "prometheus" || s.URL != "$ANABRANCH_URL/prometheus" ||
		s.JSONData["httpHeaderName1"] != "Authorization" || s.Secure["httpHeaderValue1"] != "Bearer $ANABRANCH_KEY" {
		t.Errorf("data source %+v", s)
	}
	if text, err = os.ReadFile(grafana + "provisioning/dashboards/anabranch.yaml"); err != nil {
		t.Fatal(err)
	}
	var providers struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	if err := yaml.Unmarshal(text, &providers); err != nil || len(providers.Providers) != 1 ||
		providers.Providers[0].Type != "file" || providers.Providers[0].Options.Path == "" {
		t.Errorf("providers %+v, %v", providers, err)
	}
}
