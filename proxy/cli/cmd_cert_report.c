/* What `stopgap cert parity` prints. */
#include "cli/cli.h"

#include "cli/cmd_cert.h"

#include <jansson.h>
#include <time.h>

#include "stopgap/banned.h"

struct date_text {
    char text[24];
};

static struct date_text date_of(int64_t unix_s)
{
    struct date_text date = {"no end"};
    struct tm tm;
    time_t when = (time_t)unix_s;
    if (unix_s != INT64_MAX && gmtime_r(&when, &tm) != NULL)
        (void)strftime(date.text, sizeof(date.text), "%Y-%m-%d", &tm);
    return date;
}

static void put_certificate(FILE *out, const char *label, const struct certificate_print *print)
{
    bool is_over = print->until_unix <= (int64_t)time(NULL);
    (void)fprintf(out, "  %-8s SHA-256 %.16s...  %s %s\n", label, print->sha256,
                  is_over ? "EXPIRED" : "until", date_of(print->until_unix).text);
}

static void put_row(FILE *out, const struct parity_row *row)
{
    static const char *const texts[] = {
        [PARITY_UNKNOWN] = "unknown",
        [PARITY_EQUAL] = "EQUAL",
        [PARITY_SAME_KEY] = "DIFFERS: the same key in another certificate, which is not enough",
        [PARITY_DIFFERS] = "DIFFERS"};
    (void)fprintf(out, "  clients  ask for ");
    cli_put_clean(out, row->face->names);
    (void)fputc('\n', out);
    put_certificate(out, "ours", &row->ours);
    put_certificate(out, "theirs", &row->theirs);
    (void)fprintf(out, "  verdict  %s\n", texts[row->verdict]);
    if (row->verdict == PARITY_EQUAL && row->face->n_shown > 1)
        (void)fputs("           for clients that take this one of the two kinds of key that are "
                    "shown here\n",
                    out);
}

static void put_remedy(FILE *out)
{
    (void)fputs(
        "\nWhat differs breaks logons wherever Extended Protection is on (the default since\n"
        "Exchange 2019 CU14): NTLM and Kerberos of Outlook and browsers fail, 401 again and\n"
        "again, Outlook asks for the password in a loop. Either\n"
        "  - give the proxy Exchange's certificate: export it there with its private key\n"
        "    (Export-PfxCertificate), then\n"
        "      openssl pkcs12 -in exchange.pfx -nokeys -out cert.pem\n"
        "      openssl pkcs12 -in exchange.pfx -nocerts -nodes -out key.pem\n"
        "    name both files in the configuration and 'stopgap reload'. Or install the proxy's\n"
        "    certificate with its key in Exchange (Import-ExchangeCertificate,\n"
        "    Enable-ExchangeCertificate -Services IIS). Renew both at the same time. Or\n"
        "  - switch Extended Protection off (ExchangeExtendedProtectionManagement.ps1\n"
        "    -DisableExtendedProtection), which lets stolen NTLM logons be relayed, and\n"
        "    say 'parity: false' under 'upstream' here.\n",
        out);
}

bool cert_report_text(const struct cert_report *report, FILE *out)
{
    bool has_trouble = false;
    for (size_t i = 0; i < config_n_servers(report->config); i++) {
        const struct server_config *server = config_server(report->config, i);
        const struct cert_answer *answer = &report->answers[i];
        (void)fprintf(out, "%s%s\n", i != 0 ? "\n" : "", server->url);
        if (!server->tls)
            (void)fputs("  speaks no TLS: Extended Protection must be off there\n", out);
        else if (answer->leaf == NULL)
            (void)fprintf(out, "  NOT REACHABLE: %s\n", answer->error);
        for (size_t k = 0; answer->leaf != NULL && k < report->faces.n; k++) {
            struct parity_row row = parity_judge(&report->faces.items[k], answer->leaf);
            has_trouble |= row.verdict != PARITY_EQUAL;
            put_row(out, &row);
        }
    }
    if (has_trouble)
        put_remedy(out);
    return fflush(out) == 0;
}

/* ---- JSON */

static json_t *row_json(const struct parity_row *row)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:i}", "names", row->face->names, "verdict",
                     parity_word(row->verdict), "ours_sha256", row->ours.sha256,
                     "ours_expires_unix", (json_int_t)row->ours.until_unix, "theirs_sha256",
                     row->theirs.sha256, "theirs_expires_unix", (json_int_t)row->theirs.until_unix,
                     "shown", (int)row->face->n_shown);
}

static bool server_json(json_t *servers, const struct cert_report *report, size_t index)
{
    const struct server_config *server = config_server(report->config, index);
    const struct cert_answer *answer = &report->answers[index];
    json_t *rows = json_array();
    json_t *object = json_pack("{s:s, s:b, s:o}", "server", server->url, "tls", server->tls,
                               "certificates", rows);
    bool ok = json_array_append_new(servers, object) == 0;
    for (size_t k = 0; ok && answer->leaf != NULL && k < report->faces.n; k++) {
        struct parity_row row = parity_judge(&report->faces.items[k], answer->leaf);
        ok = json_array_append_new(rows, row_json(&row)) == 0;
    }
    if (ok && server->tls && answer->leaf == NULL)
        ok = json_object_set_new(object, "error", json_string(answer->error)) == 0;
    return ok;
}

bool cert_report_json(const struct cert_report *report, FILE *out)
{
    json_t *servers = json_array();
    json_t *root = json_pack("{s:i, s:o}", "v", 1, "servers", servers);
    bool ok = root != NULL;
    for (size_t i = 0; ok && i < config_n_servers(report->config); i++)
        ok = server_json(servers, report, i);
    ok = ok && json_dumpf(root, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF;
    json_decref(root);
    return ok && fflush(out) == 0;
}
