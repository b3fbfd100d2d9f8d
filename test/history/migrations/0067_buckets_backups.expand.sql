create table storage_buckets_backups (
  id integer primary key autoincrement not null,
  storage_bucket_id integer not null,
  name varchar(255) not null,
  creation_date datetime,
  expiry_date datetime,
  foreign key (storage_bucket_id) references storage_buckets (id) on delete cascade,
  unique (storage_bucket_id, name)
);
