/*
 * direct_write - writes a backend's file: around the page cache where that is better, else through it.
 */
#pragma once

struct backend_request;

void direct_write(struct backend_request *request);

/* The caller wrote by itself, see backend_wrote(). */
void direct_wrote(struct backend_request *request);
