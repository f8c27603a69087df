/*
 * direct_write - writes a backend's file: around the page cache where that is better, else through it.
 */
#pragma once

struct backend_file;
struct backend_request;

void direct_write(struct backend_request *request);

/* The caller wrote by itself, see backend_wrote(). */
void direct_wrote(struct backend_request *request);

/* The handle goes: what its stream of writes left in the page cache is dropped once it is on the disk. */
void direct_write_close(struct backend_file *file);
