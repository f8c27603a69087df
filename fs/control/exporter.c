#include "fs/control/exporter.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdint.h>
#include <string.h>

#include "cache/base/log.h"
#include "fs/control/exporter_socket.h"

#define METRICS_PATH "/metrics"
#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TEXT_TYPE "text/plain; charset=utf-8"
#define CONNECTION_MEMORY 16384 /* bytes: a request that is longer is refused */

struct exporter {
	struct exporter_settings settings;
	struct exporter_place place;
	struct MHD_Daemon *http;
};

/* Takes over @text. The library frees it with free(3), which fits GLib's allocator, malloc(3). */
static enum MHD_Result answer(
	struct MHD_Connection *connection, unsigned status, const char *type, char *text, size_t length)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		g_free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *line)
{
	return answer(connection, status, TEXT_TYPE, g_strdup(line), strlen(line));
}

static enum MHD_Result answer_metrics(struct exporter *exporter, struct MHD_Connection *connection)
{
	GString *out = g_string_new(NULL);
	size_t length;

	exporter->settings.render(exporter->settings.context, out);
	length = out->len;
	return answer(connection, MHD_HTTP_OK, METRICS_TYPE, g_string_free(out, FALSE), length);
}

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *body, size_t *body_size, void **request)
{
	static char begun;

	(void)version;
	(void)body;
	if (strcmp(path, METRICS_PATH) != 0)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "The metrics are at " METRICS_PATH ".\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Takes GET and HEAD.\n");
	/* the first call has the headers only; a reply to it would prevent further use of the connection */
	if (*request != &begun) {
		*request = &begun;
		return MHD_YES;
	}
	*body_size = 0;
	return answer_metrics(context, connection);
}

static void log_http(void *context, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void log_http(void *context, const char *format, va_list args)
{
	g_autofree char *line = g_strdup_vprintf(format, args);

	(void)context;
	log_debug("metrics: %s", g_strchomp(line));
}

static struct MHD_Daemon *start_http(struct exporter *exporter, int listening)
{
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL,
		NULL, serve, exporter, MHD_OPTION_EXTERNAL_LOGGER, log_http, NULL, MHD_OPTION_LISTEN_SOCKET,
		listening, MHD_OPTION_CONNECTION_LIMIT, (unsigned)EXPORTER_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, exporter->settings.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_END);
}

static int start(struct exporter *exporter, const struct metrics_address *address, char **reason)
{
	int listening = exporter_socket_listen(address, &exporter->place, reason);
	int r;

	if (listening < 0)
		return listening;
	errno = 0;
	exporter->http = start_http(exporter, listening);
	if (exporter->http)
		return 0;
	/* the library closes the socket on some failures only: it stays open until the process ends */
	r = errno ? -errno : -EIO;
	*reason = g_strdup_printf("cannot start the HTTP server: %s", strerror(-r));
	return r;
}

int exporter_new(const struct exporter_settings *settings, struct exporter **out, char **error)
{
	struct exporter *exporter = g_new0(struct exporter, 1);
	g_autofree char *reason = NULL;
	struct metrics_address address;
	int r = metrics_address_parse(settings->address, &address);

	exporter->settings = *settings;
	if (r == 0)
		r = start(exporter, &address, &reason);
	if (r == 0) {
		exporter->settings.address = NULL;
		*out = exporter;
		return 0;
	}
	*error = g_strdup_printf("metrics=%s: %s", settings->address, reason ? reason : strerror(-r));
	exporter_free(exporter);
	return r;
}

void exporter_free(struct exporter *exporter)
{
	if (!exporter)
		return;
	/* first, so that the next mount finds no name and need not check for a listener */
	exporter_socket_remove(&exporter->place);
	if (exporter->http)
		MHD_stop_daemon(exporter->http);
	g_free(exporter);
}
