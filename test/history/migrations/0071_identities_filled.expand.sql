insert into identities (id, auth_method, type, identifier, name, metadata)
  select id, 1, type + 10 * restricted, fingerprint, name, json_object('cert', certificate) from certificates;
insert into identities_projects (identity_id, project_id) select certificate_id, project_id from certificates_projects;
create trigger certificates_to_identities after insert on certificates begin
  insert into identities (auth_method, type, identifier, name, metadata)
    values (1, new.type + 10 * new.restricted, new.fingerprint, new.name, json_object('cert', new.certificate));
end;
create trigger certificates_gone after delete on certificates begin
  delete from identities where auth_method = 1 and identifier = old.fingerprint;
end;
